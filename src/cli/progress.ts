import process from "node:process";
import type { LogInterval, Progress } from "../node.ts";
import { duration, grouped, percent, short } from "./numbers.ts";
import { drawLive, leaveLive, terminalColumns } from "./liveText.ts";
import type { lossChart } from "./lossChart.ts";
import { LossCurve } from "./lossCurve.ts";
import type { Output } from "./output.ts";
import { isLive } from "./work.ts";

/** Shows a training while it runs. */
export interface ProgressView {
  /** How often the training should report. */
  readonly logInterval: LogInterval;
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

/** After so long a run has a chart: shorter ones have too few events. */
const chartMs = 1000;
/** What is drawn takes a hundredth of the time, unless that means to wait for longer than a second. */
const share = 0.01;
const longestWaitMs = 1000;

/** Curves of the losses, once the run takes long enough for them; the library that draws is loaded only then. */
function createChart(lossName: string) {
  const curve = new LossCurve();
  let library: Promise<void> | undefined;
  let draw: typeof lossChart | undefined;
  return {
    add(progress: Progress): void {
      curve.add(progress);
      if (progress.elapsedMs < chartMs) return;
      library ??= import("./lossChart.ts").then((loaded) => void (draw = loaded.lossChart));
    },
    lines(): readonly string[] {
      const size = { columns: terminalColumns(), rows: process.stderr.rows || 24 };
      return draw?.(curve.points, lossName, size) ?? [];
    },
  };
}

/** Lines that are drawn over: the chart, where there is one, and the newest figures. */
function terminalView({ epochs, lossName, chart: hasChart }: ViewOptions): ProgressView {
  const { stderr } = process;
  const chart = hasChart && process.env["TERM"] !== "dumb" ? createChart(lossName) : undefined;
  let nextDrawMs = -Infinity;
  let last: Progress | undefined;
  const draw = (): void => {
    if (!last) return;
    const startMs = performance.now();
    const width = terminalColumns() - 1;
    const epoch = epochOf(last.epoch, epochs);
    const text = figures(last, { loss: lossName, accuracy: "acc" }).join(" ");
    const room = Math.max(0, Math.min(widestBar, width - epoch.length - text.length - 2));
    const line = `${epoch} ${bar(last.step / last.steps, room)} ${text}`;
    drawLive([...(chart?.lines() ?? []), line.slice(0, width)]);
    const ms = performance.now() - startMs;
    nextDrawMs = startMs + Math.min(Math.max(redrawMs, ms / share), longestWaitMs);
  };
  stderr.on("resize", draw);
  return {
    logInterval: { ms: redrawMs },
    show(progress) {
      last = progress;
      chart?.add(progress);
      if (performance.now() >= nextDrawMs) draw();
    },
    end() {
      stderr.off("resize", draw);
      draw();
      leaveLive();
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
    end() {},
  };
}

interface ViewOptions {
  readonly epochs: number;
  /** What the loss that is shown is called. */
  readonly lossName: string;
  /** Whether a terminal shows curves. */
  readonly chart: boolean;
}

export function createProgressView(
  output: Output,
  { epochs, lossName = "loss", chart = false }: Pick<ViewOptions, "epochs"> & Partial<ViewOptions>,
): ProgressView {
  return isLive(output) ? terminalView({ epochs, lossName, chart }) : plainView(output, epochs, lossName);
}
