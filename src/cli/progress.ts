import process from "node:process";
import type { LogInterval, Progress } from "../node.ts";
import { duration, grouped, percent, short } from "./numbers.ts";
import type { Output } from "./output.ts";
import { isLive } from "./work.ts";

/** Shows a training while it runs. */
export interface ProgressView {
  /** How often the training should tell. */
  readonly logInterval: LogInterval;
  show(progress: Progress): void;
  /** Says a line in between. */
  note(text: string): void;
  /** Leaves the last line standing. */
  end(): void;
}

const widestBar = 24;
const redrawMs = 100;
const mostLines = 20;
const mostSilentMs = 10_000;
const plainEventMs = 50;

function bar(share: number, width: number): string {
  const full = Math.round(share * width * 2);
  return ("━".repeat(full >> 1) + (full % 2 === 1 ? "╸" : "")).padEnd(width);
}

interface Names {
  readonly loss: string;
  readonly accuracy: string;
}

function figures({ loss, validation, stepsPerSecond, etaMs, diverged }: Progress, names: Names): string[] {
  const parts = [`${names.loss} ${short(loss)}`];
  if (validation) parts.push(`val ${short(validation.loss)}`);
  if (validation?.accuracy !== undefined) parts.push(`${names.accuracy} ${percent(validation.accuracy)}`);
  for (const [name, value] of Object.entries(validation?.metrics ?? {})) parts.push(`${name} ${short(value!)}`);
  if (diverged > 0) parts.push(`${diverged} diverged`);
  return [...parts, `${grouped(stepsPerSecond)} steps/s`, `ETA ${duration(etaMs)}`];
}

const epochOf = (epoch: number, epochs: number): string =>
  `${String(Math.ceil(epoch)).padStart(String(epochs).length)}/${epochs}`;

/** One line that is drawn over; only spaces and carriage returns, so that NO_COLOR means no escapes at all. */
function terminalView(output: Output, epochs: number, lossName: string): ProgressView {
  const { stderr } = process;
  let lastDrawMs = -Infinity;
  let last: Progress | undefined;
  const draw = (progress: Progress): void => {
    const width = (stderr.columns || 80) - 1;
    const epoch = epochOf(progress.epoch, epochs);
    const text = figures(progress, { loss: lossName, accuracy: "acc" }).join(" ");
    const room = Math.max(0, Math.min(widestBar, width - epoch.length - text.length - 2));
    const line = `${epoch} ${bar(progress.step / progress.steps, room)} ${text}`;
    stderr.write(`\r${line.slice(0, width).padEnd(width)}`);
  };
  return {
    logInterval: { ms: redrawMs },
    show(progress) {
      last = progress;
      if (performance.now() - lastDrawMs < redrawMs) return;
      draw(progress);
      lastDrawMs = performance.now();
    },
    note(text) {
      if (last) stderr.write(`\r${" ".repeat((stderr.columns || 80) - 1)}\r`);
      output.info("", text);
    },
    end() {
      if (!last) return;
      draw(last);
      stderr.write("\n");
    },
  };
}

/** Plain lines for files and CI: about twenty in a run, and one after ten seconds without any. */
function plainView(output: Output, epochs: number, lossName: string): ProgressView {
  const untold = Math.ceil(epochs / mostLines);
  let next = untold;
  let toldMs = 0;
  return {
    logInterval: { ms: plainEventMs },
    show(progress) {
      const { epoch, step, steps, elapsedMs } = progress;
      if (epoch < next && step < steps && elapsedMs - toldMs < mostSilentMs) return;
      next = (Math.floor(epoch / untold) + 1) * untold;
      toldMs = elapsedMs;
      const names = { loss: lossName, accuracy: "accuracy" };
      output.info("", `epoch ${epochOf(epoch, epochs)}  ${figures(progress, names).join("  ")}`);
    },
    note: (text) => output.info("", text),
    end() {},
  };
}

interface ProgressOptions {
  readonly epochs: number;
  /** What the loss that is shown is called. */
  readonly lossName?: string;
}

export function createProgressView(output: Output, options: ProgressOptions): ProgressView {
  const { epochs, lossName = "loss" } = options;
  return isLive(output) ? terminalView(output, epochs, lossName) : plainView(output, epochs, lossName);
}
