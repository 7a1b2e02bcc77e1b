import process from "node:process";
import { stripVTControlCharacters } from "node:util";

// Lines at the bottom of a terminal that are drawn over again and again. What is said meanwhile goes above them, and they are left as
// they are when the process ends. A single line needs no escapes but the carriage return. Below several lines the cursor waits in an
// empty one: how a terminal that becomes narrower wraps the line of the cursor differs from one to another.

/** What is on the screen now. */
let shown: readonly string[] = [];
let watchesStops = false;

/** Width of the terminal. */
export const terminalColumns = (): number => process.stderr.columns || 80;

const widthOf = (line: string): number => stripVTControlCharacters(line).length;

/** Rows of the screen that lines take; a terminal that has become narrower has wrapped them. */
function rowsOf(lines: readonly string[]): number {
  const columns = terminalColumns();
  return lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
}

/** Moves the cursor to where the lines begin. */
function toStart(): string {
  const up = shown.length > 1 ? rowsOf(shown) : rowsOf(shown) - 1;
  return up > 0 ? `\r\u001b[${up}A` : "\r";
}

const clearLine = "\u001b[K";
const clearBelow = "\u001b[J";

/** After Ctrl-Z and `fg` the shell has written below the lines: they start over. */
function watchStops(): void {
  if (watchesStops || process.platform === "win32") return;
  process.on("SIGCONT", () => {
    shown = [];
  });
  watchesStops = true;
}

/** What replaces the lines on the screen by others. */
function replacing(lines: readonly string[]): string {
  const isLine = shown.length <= 1 && rowsOf(shown) <= 1;
  if (lines.length > 1) return `${toStart()}${lines.map((line) => `${line}${clearLine}\n`).join("")}${clearBelow}`;
  const line = lines[0] ?? "";
  return isLine ? `\r${line.padEnd(widthOf(shown[0] ?? ""))}` : `${toStart()}${clearBelow}${line}`;
}

/** @param lines narrower than the terminal, and fewer than it has rows */
export function drawLive(lines: readonly string[]): void {
  watchStops();
  process.stderr.write(replacing(lines));
  shown = lines;
}

/** A single line with what was typed behind it, such as ^C. */
function erasing(): string {
  if (shown.length === 0) return "";
  return rowsOf(shown) > 1 ? `${toStart()}${clearBelow}` : `\r${" ".repeat(terminalColumns() - 1)}\r`;
}

export function eraseLive(): void {
  process.stderr.write(erasing());
  shown = [];
}

/** Leaves the lines on the screen; what comes next is written below them. */
export function leaveLive(): void {
  if (shown.length === 1) process.stderr.write("\n");
  shown = [];
}

/** Writes whole lines to stderr, above those that are drawn over. */
export function writeAbove(text: string): void {
  const lines = shown;
  const erased = erasing();
  shown = [];
  process.stderr.write(`${erased}${text}${lines.length > 0 ? replacing(lines) : ""}`);
  shown = lines;
}

export const isDrawn = (): boolean => shown.length > 0;
