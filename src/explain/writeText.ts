import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { compareDigits, doubleDigits } from "./digits.ts";
import { renderCondition, renderExpression } from "./render.ts";
import type { StepLine } from "./stepLine.ts";
import { comparisonNote, pagesOf, titleOf } from "./stepPages.ts";

const columns = 100;
/** Where the float32 result begins, counted from the quantity's relation sign. */
const deviceColumn = 26;

/** Breaks after a space or a product's dot, so that a line fits in `width` where that is possible. */
function wrap(written: string, width: number): string[] {
  const rows = [""];
  for (const piece of written.split(/(?<=[ ·])/)) {
    const row = rows.at(-1)!;
    if (row !== "" && row.length + piece.trimEnd().length > width) rows.push(piece);
    else rows[rows.length - 1] = row + piece;
  }
  return rows.map((row) => row.trimEnd());
}

/** `float32 0.6106392[15]`. */
function deviceText({ result, deviceResult }: StepLine): string {
  if (deviceResult === undefined) return "";
  const { same, differing, exponent } = compareDigits(result, deviceResult);
  return `float32 ${same}${differing && `[${differing}]`}${exponent}`;
}

function resultText(line: StepLine): string {
  return `${doubleDigits(line.result).padEnd(deviceColumn)}${deviceText(line)}`.trimEnd();
}

/** The formulas of a line and the same with numbers, each once. */
export function writtenForms(line: StepLine, notation: "text" | "tex"): string[] {
  const { formula, chain, numbers, condition } = line;
  const forms = [formula, chain].filter((form) => form !== undefined);
  const written = forms.map((form) => renderExpression(form, notation));
  if (condition && written.length > 0) written[0] += renderCondition(condition, notation);
  // A lone symbol or number says nothing more with its digits cut.
  if (numbers && numbers.kind !== "constant") written.push(renderExpression(numbers, notation));
  return [...new Set(written)];
}

function lineText(line: StepLine): string {
  const head = line.quantity.text;
  const indent = " ".repeat(head.length);
  const rows = writtenForms(line, "text").flatMap((written) =>
    wrap(written, columns - head.length - 5).map((row, index) => `${index === 0 ? "= " : "    "}${row}`),
  );
  if (!isPlainNumber(line)) rows.push(`= ${resultText(line)}`);
  const [first = "", ...rest] = rows;
  return [`${head} ${first.replace(/^=/, line.relation)}`, ...rest.map((row) => `${indent} ${row}`)].join("\n");
}

/** A formula that is its own result: `a′_h1 = 1`. */
export const isPlainNumber = ({ formula, deviceResult }: StepLine): boolean =>
  formula?.kind === "constant" && deviceResult === undefined;

/** Names, notes and numbers in columns. */
function givenText(lines: readonly StepLine[]): string {
  const column = (texts: readonly string[], least: number): string[] => {
    const width = Math.max(least, ...texts.map(({ length }) => length));
    return texts.map((text) => text.padEnd(width));
  };
  const names = column(
    lines.map(({ quantity }) => quantity.text),
    6,
  );
  const notes = column(
    lines.map(({ note = "" }) => note),
    16,
  );
  return lines.map((line, row) => `${names[row]} ${notes[row]} ${resultText(line)}`).join("\n");
}

/** The step as plain text, at most 100 columns wide where formulas can be broken. */
export function writeText(lines: readonly StepLine[], network: AnyNetwork): string {
  const compared = lines.some(({ deviceResult }) => deviceResult !== undefined);
  const top = [titleOf(network), ...(compared ? wrap(comparisonNote("in [brackets]"), columns) : [])].join("\n");
  const pages = pagesOf(lines, network).map(({ title, meaning, lines: own }) => {
    const heading = `${title}\n${"─".repeat(title.length)}${meaning ? `\n${meaning.text}` : ""}`;
    if (own[0]?.section === "given") return [heading, givenText(own)].join("\n");
    return [heading, own.map(lineText).join("\n\n")].join("\n");
  });
  return `${[top, ...pages].join("\n\n")}\n`;
}
