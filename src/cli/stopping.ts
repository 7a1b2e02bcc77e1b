import type { Command } from "commander";
import { metricNames, type Prepared, requireMetrics } from "../data.ts";
import {
  type EarlyStopping,
  InvalidInput,
  type MonitoredMetric,
  type PlateauResult,
  type Reductions,
  type StoppingResult,
  type TrainOptions,
} from "../node.ts";
import { folded, integer, number } from "./flags.ts";
import { counted, grouped, short } from "./numbers.ts";
import { type PlateauFlag, plateauFlag, plateauUsage } from "./plateauFlag.ts";

// Options that judge networks on the held-out rows, and their final report.

export interface StoppingFlags {
  readonly patience?: number;
  readonly minDelta?: number;
  readonly monitor?: MonitoredMetric;
  /** True: with the usual numbers. */
  readonly reduceOnPlateau?: PlateauFlag | true;
}

/** Converts names as people write them, `roc-auc`, to metric names; unknown names are reported later, where the task is known. */
const metric = (text: string): MonitoredMetric =>
  (["loss", ...metricNames] as const).find((known) => folded(known) === folded(text)) ?? (text as MonitoredMetric);

export const addStoppingOptions = (command: Command): Command =>
  command
    .option(
      "--patience <epochs>",
      "early stopping: stop after this many epochs without improvement on the held-out rows, and restore the best epoch",
      integer("--patience", 0, 2 ** 32),
    )
    .option(
      "--min-delta <number>",
      "smallest change that counts as an improvement, for --patience (default: 0)",
      number("--min-delta"),
    )
    .option(
      "--reduce-on-plateau [settings]",
      `multiply the learning rate by a factor when the held-out rows stop improving: ${plateauUsage}`,
      plateauFlag,
    )
    .option(
      "--monitor <metric>",
      "metric for --patience, --reduce-on-plateau and a sweep's --halving: loss, accuracy, or another of --metrics (default: loss)",
      metric,
    );

const judgingFlags = { patience: "--patience", reduceOnPlateau: "--reduce-on-plateau" } as const;

/** The flags that judge networks, those that are given. */
export const judgingFlagsOf = (flags: StoppingFlags): string[] =>
  (["patience", "reduceOnPlateau"] as const).flatMap((key) => (flags[key] === undefined ? [] : [judgingFlags[key]]));

/** Monitored metrics besides the loss. */
export const monitoredOf = ({ monitor }: StoppingFlags) =>
  monitor === undefined || monitor === "loss" ? [] : [monitor];

/** Throws `InvalidInput` on a metric that does not fit the target. */
export function requireMonitor(flags: StoppingFlags, prepared: Prepared): void {
  try {
    requireMetrics("train", monitoredOf(flags), prepared.preprocessing);
  } catch (error) {
    throw error instanceof InvalidInput ? new InvalidInput({ ...error.fault, place: "--monitor" }) : error;
  }
}

/** Throws `InvalidInput` where the flags do not fit each other or the target, before a device is opened. */
export function requireStopping(flags: StoppingFlags, prepared: Prepared): void {
  stoppingOf(flags, prepared);
  requireMonitor(flags, prepared);
}

/**
 * What the flags ask for.
 * @throws InvalidInput where they do not fit each other
 */
export function stoppingOf(
  flags: StoppingFlags & { verifyWebgpu?: boolean; members?: number },
  { validation }: Pick<Prepared, "validation">,
): Pick<TrainOptions, "earlyStopping" | "reduceOnPlateau" | "validation"> {
  const { patience, minDelta, monitor, reduceOnPlateau, verifyWebgpu, members = 1 } = flags;
  const [judging] = judgingFlagsOf(flags);
  if (patience === undefined && minDelta !== undefined) {
    const expected = "--patience with it: the number of epochs to wait for an improvement";
    throw new InvalidInput({ place: "--min-delta", expected, got: "none", fix: "add --patience 10" });
  }
  if (judging === undefined) {
    if (monitor === undefined) return {};
    const expected = "--patience or --reduce-on-plateau with it";
    throw new InvalidInput({ place: "--monitor", expected, got: "none", fix: "add --patience 10" });
  }
  if (!validation) {
    const fix = `remove --validation 0 or ${judging}`;
    throw new InvalidInput({ place: judging, expected: "held-out rows", got: "--validation 0", fix });
  }
  if (verifyWebgpu && members > 1) {
    const expected = `one member with ${judging}, which judges each member separately`;
    const fix = "remove --members or --verify-webgpu";
    throw new InvalidInput({ place: "--verify-webgpu", expected, got: `--members ${members}`, fix });
  }
  const watched = monitor && { metric: monitor };
  const earlyStopping: EarlyStopping | undefined =
    patience === undefined ? undefined : { patience, ...(minDelta !== undefined && { minDelta }), ...watched };
  const plateau = reduceOnPlateau && { ...(reduceOnPlateau === true ? {} : reduceOnPlateau.options), ...watched };
  return { ...(earlyStopping && { earlyStopping }), ...(plateau && { reduceOnPlateau: plateau }), validation };
}

const rangeOf = (values: readonly number[], show: (value: number) => string = grouped): string => {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least === most ? show(least) : `${show(least)} to ${show(most)}`;
};

/** One sentence: `stopped after epoch 43, best epoch 33 restored`. @param epochs that were requested */
export function describeStopping(
  { stoppedSteps, bestSteps }: StoppingResult,
  { perEpoch, epochs }: { readonly perEpoch: number; readonly epochs: number },
): string {
  const epochsOf = (steps: Float64Array): number[] =>
    Array.from(steps)
      .filter((step) => step > 0)
      .map((step) => Math.round(step / perEpoch));
  const [stopped, best] = [epochsOf(stoppedSteps), epochsOf(bestSteps)];
  const members = stoppedSteps.length;
  const many = best.length > 1 ? "best epochs" : "best epoch";
  const restored = best.length === 0 ? "no finite best value" : `${many} ${rangeOf(best)} restored`;
  if (stopped.length === 0) return `ran to the end, ${counted(epochs, "epoch")}; ${restored}`;
  const who = members === 1 ? "stopped" : `${grouped(stopped.length)} of ${grouped(members)} members stopped`;
  return `${who} after ${stopped.length > 1 ? "epochs" : "epoch"} ${rangeOf(stopped)}, ${restored}`;
}

/** Where the learning rate of one member was reduced, as of a model of it alone. */
export function reductionsOf({ reductions }: PlateauResult, member: number): Reductions {
  const own = (list: Float64Array): Float64Array => list.filter((_, at) => reductions.members[at] === member);
  const steps = own(reductions.steps);
  return { steps, members: new Float64Array(steps.length), factors: own(reductions.factors) };
}

/** Most epochs that are listed. */
const mostListed = 8;

/** One sentence: `learning rate × 0.1 after epoch 12, × 0.01 after epoch 20`; of several members the ranges. */
export function describeReductions({ factors, reductions }: PlateauResult, perEpoch: number): string {
  const epochs = Array.from(reductions.steps, (step) => Math.round(step / perEpoch));
  if (epochs.length === 0) return "the learning rate was not reduced";
  if (factors.length > 1 || epochs.length > mostListed) {
    const reduced = factors.filter((factor) => factor < 1).toSorted();
    const who = factors.length > 1 ? ` of ${grouped(reduced.length)} of ${grouped(factors.length)} members` : "";
    const first = epochs.reduce((least, epoch) => Math.min(least, epoch));
    const last = epochs.reduce((most, epoch) => Math.max(most, epoch));
    const range = rangeOf([reduced[0]!, reduced.at(-1)!], short);
    return `learning rate${who} reduced after epochs ${rangeOf([first, last])}, final factor × ${range}`;
  }
  const parts = epochs.map((epoch, at) => `× ${short(reductions.factors[at]!)} after epoch ${grouped(epoch)}`);
  return `learning rate ${parts.join(", ")}`;
}
