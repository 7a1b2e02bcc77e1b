import process from "node:process";
import type { Every, Progress } from "../node.ts";
import { duration, grouped, percent, short } from "./numbers.ts";
import type { Output } from "./output.ts";

/** Shows a training while it runs. */
export interface ProgressView {
  /** How often the training should tell. */
  readonly every: Every;
  show(progress: Progress): void;
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

function figures({ loss, validation, stepsPerSecond, etaMs, diverged }: Progress, accuracyName: string): string[] {
  const parts = [`loss ${short(loss)}`];
  if (validation) parts.push(`val ${short(validation.loss)}`);
  if (validation?.accuracy !== undefined) parts.push(`${accuracyName} ${percent(validation.accuracy)}`);
  if (diverged > 0) parts.push(`${diverged} diverged`);
  return [...parts, `${grouped(stepsPerSecond)} steps/s`, `ETA ${duration(etaMs)}`];
}

const epochOf = (epoch: number, epochs: number): string =>
  `${String(Math.ceil(epoch)).padStart(String(epochs).length)}/${epochs}`;

/** One line that is drawn over; only spaces and carriage returns, so that NO_COLOR means no escapes at all. */
function terminalView(epochs: number): ProgressView {
  const { stderr } = process;
  let lastDrawMs = -Infinity;
  let last: Progress | undefined;
  const draw = (progress: Progress): void => {
    const width = (stderr.columns || 80) - 1;
    const epoch = epochOf(progress.epoch, epochs);
    const text = figures(progress, "acc").join(" ");
    const room = Math.max(0, Math.min(widestBar, width - epoch.length - text.length - 2));
    const line = `${epoch} ${bar(progress.step / progress.steps, room)} ${text}`;
    stderr.write(`\r${line.slice(0, width).padEnd(width)}`);
  };
  return {
    every: { ms: redrawMs },
    show(progress) {
      last = progress;
      if (performance.now() - lastDrawMs < redrawMs) return;
      draw(progress);
      lastDrawMs = performance.now();
    },
    end() {
      if (!last) return;
      draw(last);
      stderr.write("\n");
    },
  };
}

/** Plain lines for files and CI: about twenty in a run, and one after ten seconds without any. */
function plainView(output: Output, epochs: number): ProgressView {
  const untold = Math.ceil(epochs / mostLines);
  let next = untold;
  let toldMs = 0;
  return {
    every: { ms: plainEventMs },
    show(progress) {
      const { epoch, step, steps, elapsedMs } = progress;
      if (epoch < next && step < steps && elapsedMs - toldMs < mostSilentMs) return;
      next = (Math.floor(epoch / untold) + 1) * untold;
      toldMs = elapsedMs;
      output.info("", `epoch ${epochOf(epoch, epochs)}  ${figures(progress, "accuracy").join("  ")}`);
    },
    end() {},
  };
}

export function createProgressView(
  output: Output,
  { epochs, quiet }: { epochs: number; quiet: boolean },
): ProgressView {
  const live = process.stderr.isTTY && !process.env["CI"] && !quiet;
  return live ? terminalView(epochs) : plainView(output, epochs);
}
