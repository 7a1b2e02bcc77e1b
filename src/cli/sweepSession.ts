import type { Optimizer } from "../node.ts";
import { type OutputFile, claimOutput, sweepTableKind } from "./outputFile.ts";
import { scheduleOf } from "./scheduleFlag.ts";
import { regularisationOf } from "./regularisation.ts";
import { updateOptionsOf } from "./updateFlags.ts";
import type { MetricName } from "../data.ts";
import type { CheckpointFlags } from "./checkpointing.ts";
import type { HalvingFlags } from "./halving.ts";
import type { SweepPlan } from "./sweepPlan.ts";
import type { Values } from "./sweepValues.ts";
import { type CommonFlags, optimizerOf } from "./trainFlags.ts";
import type { Session } from "./training.ts";
import type { SessionOptions } from "./training.ts";

/** Options of `thalweg sweep` as commander hands them over. */
export interface SweepFlags extends CommonFlags, CheckpointFlags, HalvingFlags {
  readonly learningRate?: Values;
  readonly momentum?: Values;
  readonly weightDecay?: Values;
  readonly seed?: Values;
  readonly members?: number;
  readonly bootstrap?: boolean;
  readonly splitSeed: number;
  readonly top: number;
  readonly csv?: string;
  readonly metrics?: readonly MetricName[];
  /** True and "latest": the newest; else a file or a folder. */
  readonly resume?: string | true;
  /** Parts of the rows that are held out in turn. */
  readonly folds?: number;
}

/** A training whose model is a population. */
export interface SweepSession extends Session<SweepFlags> {
  readonly plan: SweepPlan;
  /** Where the table of all networks goes. */
  readonly csv: OutputFile | undefined;
}

const largest = (values: Float64Array): number => values.reduce((most, value) => Math.max(most, value));

/** The optimizer of one network; of none, with the largest numbers of all, so that it keeps the moments that any of them needs. */
function optimizerAt(flags: SweepFlags, { settings }: SweepPlan, member?: number): Optimizer {
  const of = (values: Float64Array | undefined): number | undefined =>
    values && (member === undefined ? largest(values) : values[member]);
  const momentum = of(settings.momentum);
  const nesterov = flags.nesterov && (member === undefined || momentum !== 0); // without momentum it is the same step
  const { optimizer, maxIterations, maxEvaluations, historySize, toleranceGradient, toleranceChange } = flags;
  const options = {
    optimizer,
    maxIterations,
    maxEvaluations,
    historySize,
    toleranceGradient,
    toleranceChange,
    momentum,
    learningRate: of(settings.learningRate),
    weightDecay: of(settings.weightDecay),
  };
  return optimizerOf({ ...options, ...(nesterov && { nesterov }) });
}

/** Options of the training of all networks, or of one by itself. */
export function optionsOf(flags: SweepFlags, plan: SweepPlan, member?: number): SessionOptions {
  const { settings, varied } = plan;
  const perMember = Object.fromEntries(varied.map((axis) => [axis, settings[axis]!]));
  return {
    optimizer: optimizerAt(flags, plan, member),
    ...scheduleOf(flags),
    epochs: flags.epochs,
    batchSize: flags.batchSize,
    seed: settings.seed[member ?? 0]!,
    strategy: flags.strategy,
    ...regularisationOf(flags),
    ...updateOptionsOf(flags),
    ...(member === undefined && { perMember }),
    ...(flags.bootstrap && { bootstrap: true }),
  };
}

/** Where the table of all networks goes. */
export function claimTable(
  input: string,
  { csv, force = false }: SweepFlags,
  model: OutputFile,
): OutputFile | undefined {
  if (csv === undefined) return undefined;
  return claimOutput({ file: csv, flag: "--csv", kind: sweepTableKind, inputs: [input], others: [model], force });
}
