import {
  type CategoryEncoding,
  type MissingCells,
  type Preprocessing,
  type Table,
  type Task,
  inputLayers,
  inputWidth,
  outputWidth,
} from "../data.ts";
import type { CheckpointFlags } from "./checkpointing.ts";
import { list } from "./flags.ts";
import type { ReadFlags } from "./readFlags.ts";
import { behindHidden, behindInputs, type RegularisationFlags } from "./regularisation.ts";
import type { ScheduleFlags } from "./scheduleFlag.ts";
import type { StoppingFlags } from "./stopping.ts";
import type { UpdateFlags } from "./updateFlags.ts";
import {
  type ActivationName,
  type AnyNetwork,
  type DeviceChoice,
  InvalidInput,
  type InitializerName,
  type LossName,
  type MetricName,
  type Optimizer,
  type OptimizerName,
  type Strategy,
  createOptimizer,
  dense,
  hyperParameterDefaults,
  lossNames,
  network,
  takesLogits,
} from "../node.ts";

/** Names as they are typed, separated by commas, or one by one from a configuration. */
type ColumnNames = string | readonly string[];

/** Numbers of L-BFGS and its line search. */
export interface LineSearchFlags {
  readonly maxIterations?: number | undefined;
  readonly maxEvaluations?: number | undefined;
  readonly historySize?: number | undefined;
  readonly toleranceGradient?: number | undefined;
  readonly toleranceChange?: number | undefined;
}

/** Options that `thalweg train` and `thalweg sweep` share, as commander hands them over, defaults filled in. */
export interface CommonFlags
  extends ReadFlags, ScheduleFlags, RegularisationFlags, StoppingFlags, UpdateFlags, LineSearchFlags {
  readonly target?: ColumnNames;
  readonly task?: Task;
  readonly columns?: ColumnNames;
  readonly ignore?: ColumnNames;
  readonly missingCells: MissingCells;
  readonly categories: CategoryEncoding;
  readonly validation: number;
  readonly layers: number[];
  readonly activation: ActivationName;
  readonly loss?: LossName;
  readonly initializer?: InitializerName;
  readonly optimizer: OptimizerName;
  readonly nesterov?: boolean;
  readonly epochs: number;
  readonly batchSize: number;
  readonly strategy: Strategy;
  readonly device: DeviceChoice;
  readonly output?: string;
  readonly force?: boolean;
  readonly verify?: boolean;
  /** As `verify`, and more. */
  readonly verifyWebgpu?: boolean;
  /** False: --no-chart. */
  readonly chart: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  /** Why the planner takes its strategy, and what it needs. */
  readonly verbose?: boolean;
  readonly printConfig?: boolean;
}

/** What an optimizer is made of. */
interface OptimizerFlags extends LineSearchFlags {
  readonly optimizer: OptimizerName;
  readonly learningRate?: number | undefined;
  readonly momentum?: number | undefined;
  readonly nesterov?: boolean | undefined;
  readonly weightDecay?: number | undefined;
}

/** Options of `thalweg train`. */
export interface TrainFlags extends CommonFlags, CheckpointFlags {
  /** True and "latest": the newest; else a file or a folder. */
  readonly resume?: string | true;
  readonly metrics?: readonly MetricName[];
  /** A model that the training starts from. */
  readonly init?: string;
  readonly history?: string;
  readonly learningRate?: number;
  readonly momentum?: number;
  readonly weightDecay?: number;
  readonly seed: number;
  readonly members: number;
  /** Parts of the rows that are held out in turn. */
  readonly folds?: number;
}

/** Column names of an option; the name of one column may itself have a comma. */
export function columnsOf(table: Table, flag: string, text: ColumnNames): string[] {
  if (typeof text !== "string") return [...text];
  return table.columns.some(({ name }) => name === text) ? [text] : list(flag)(text);
}

/** The columns to predict, which cannot be guessed. */
export function targetsOf(table: Table, { target }: CommonFlags): string[] {
  if (target !== undefined) return columnsOf(table, "--target", target);
  const names = table.columns.map(({ name }) => JSON.stringify(name)).join(", ");
  const expected = `the column to predict, one of ${names.slice(0, 500)}`;
  const fix = "pass --target COLUMN";
  throw new InvalidInput({ place: `--target for ${table.place}`, expected, got: "none", fix });
}

/** Learning rates that suit tables better than the optimizer's default. */
const usualRates: Partial<Record<OptimizerName, number>> = { sgd: 0.1, adam: 0.01, adamW: 0.01, muon: 0.01 };

export const usualRate = (optimizer: OptimizerName): number =>
  usualRates[optimizer] ?? Number(hyperParameterDefaults(optimizer)["learningRate"]);

const optionNames = {
  momentum: "--momentum",
  nesterov: "--nesterov",
  weightDecay: "--weight-decay",
  maxIterations: "--max-iterations",
  maxEvaluations: "--max-evaluations",
  historySize: "--history-size",
  toleranceGradient: "--tolerance-gradient",
  toleranceChange: "--tolerance-change",
} as const;

/** The optimizer that the flags ask for. */
export function optimizerOf(flags: OptimizerFlags): Optimizer {
  const keys = Object.keys(optionNames) as (keyof typeof optionNames)[];
  const takes = keys.filter((key) => key in hyperParameterDefaults(flags.optimizer));
  const options: Record<string, number | boolean> = { learningRate: flags.learningRate ?? usualRate(flags.optimizer) };
  for (const key of keys) {
    const value = flags[key];
    if (value === undefined) continue;
    if (!takes.includes(key)) {
      const expected = `options of ${flags.optimizer}: ${["learningRate", ...takes].join(", ")}`;
      const other = key in hyperParameterDefaults("lbfgs") ? "lbfgs" : "sgd";
      const fix = `leave ${optionNames[key]} out, or choose --optimizer ${other}`;
      throw new InvalidInput({ place: optionNames[key], expected, got: key, fix });
    }
    options[key] = value;
  }
  return createOptimizer(flags.optimizer, options);
}

/** The loss that the flags ask for, or the usual one for the kind of target. */
function lossOf(flags: CommonFlags, { target }: Preprocessing): LossName {
  const loss = flags.loss ?? (target.kind === "class" ? "softmaxCrossEntropy" : "meanSquaredError");
  if (target.kind === "class" || !takesLogits(loss)) return loss;
  const expected = `a loss for numbers: ${lossNames.filter((name) => !takesLogits(name)).join(", ")}`;
  const fix = "choose one of them, or --task classification";
  throw new InvalidInput({ place: "--loss", expected, got: loss, fix });
}

/** Embeddings of the table's columns, hidden layers of the flags, and a last layer that fits target and loss. */
export function networkOf(flags: CommonFlags, preprocessing: Preprocessing): AnyNetwork {
  const loss = lossOf(flags, preprocessing);
  const bounded = preprocessing.target.kind === "class" && !takesLogits(loss); // targets are 0 and 1
  const hidden = flags.layers.flatMap((width) => [dense(width, flags.activation), ...behindHidden(flags)]);
  const last = dense(outputWidth(preprocessing), bounded ? "sigmoid" : "identity");
  const layers = [...inputLayers(preprocessing), ...behindInputs(flags), ...hidden, last];
  return network({ inputs: inputWidth(preprocessing), layers, loss });
}
