import { Disposed } from "../errors.ts";
import type { DeviceKind } from "./deviceKind.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import type { Optimizer } from "../math/optimizer.ts";

/** f32 on a GPU, f64 on the CPU reference. */
export type FloatArray = Float32Array | Float64Array;

/** Rows to learn from: inputs [rows, network.inputs], targets [rows, network.outputs], both row-major. */
export interface Dataset {
  readonly inputs: FloatArray;
  readonly targets: FloatArray;
  /** Columns of the inputs that hold numbers of categories: a network has to have an embedding for each. */
  readonly categoryColumns?: readonly number[];
  /**
   * How much each row counts, [rows], at least 0; default all equal. A loss is then the weighted mean Σ w·e / Σ w over the rows. Training
   * scales the weights to a mean of 1 over its rows, and a batch divides by its number of rows: the same where it holds all rows.
   */
  readonly weights?: FloatArray;
}

/** Rows as a run takes them (src/backend/rowWeights.ts). */
export interface TrainingRows extends Dataset {
  /** The targets have one more column, the weight of the row: [rows, network.outputs + 1]. */
  readonly isWeighted?: boolean;
}

/** Strategies that compute a training step; see docs/engine.md. */
export const strategyNames = ["layered", "members", "subgroups", "groups", "samples", "tiles"] as const;
export type StrategyName = (typeof strategyNames)[number];
/** How the strategies that keep activations in workgroup memory store them. */
export const activationStorages = ["f32", "f16"] as const;
export type ActivationStorage = (typeof activationStorages)[number];

/** `auto`: chosen by the planner; else the strategy of that name. */
export type Strategy = "auto" | StrategyName;

/** Values per member, [members]; members without one use the optimizer's value, or the run's seed. */
export interface PerMember {
  readonly learningRate?: ArrayLike<number>;
  readonly momentum?: ArrayLike<number>;
  readonly weightDecay?: ArrayLike<number>;
  /** Seeds of the order of rows and of the bootstrap sample; integers in [0, 2⁵³). */
  readonly seed?: ArrayLike<number>;
}

/** State of early stopping, [members] each: src/model/earlyStopping.ts. */
export interface EarlyStoppingState {
  /** Best value of the metric, infinite where there was none, and the step after which it was; −1 where there was none. */
  readonly bestValues: Float64Array;
  readonly bestSteps: Float64Array;
  /** Validations since the best one. */
  readonly waits: Float64Array;
  /** Steps after which a member was stopped; −1 while it continues. */
  readonly stoppedSteps: Float64Array;
  /** Loss before the last step that a member has done. */
  readonly finalLosses: FloatArray;
  /** The last step after which members were judged. A state that is read after another one has not been judged yet. */
  readonly judgedStep: number;
  /** [members, parameterCount], or none where they are not restored; of averages, where the training keeps some. */
  readonly bestParameters: FloatArray;
  /** Monitored metric and mode, `loss min` for example; missing in states of earlier versions. */
  readonly monitor?: string;
}

/** State of the learning-rate reductions, [members] each unless stated otherwise: src/model/reduceOnPlateau.ts. */
export interface PlateauState {
  /** Monitored metric and mode, `loss min` for example. */
  readonly monitor: string;
  /** Best value of the metric; infinite where there was none. */
  readonly bestValues: Float64Array;
  /** Validations without improvement since the best one, the last reduction, or the end of its cooldown. */
  readonly waits: Float64Array;
  /** Validations of a cooldown that are left. */
  readonly cooldowns: Float64Array;
  /** Monitored metric and mode, as in early stopping. */
  readonly judgedStep: number;
  /** One value of each for every reduction, in order: after which step, of which member, and what its rate is multiplied by since. */
  readonly reducedSteps: Float64Array;
  readonly reducedMembers: Float64Array;
  readonly reducedFactors: Float64Array;
}

/** State of successive halving: src/model/halving.ts. */
export interface HalvingState {
  /** Metric and mode that members are compared by, `loss min` for example. */
  readonly monitor: string;
  /** What decides its rungs. */
  readonly factor: number;
  readonly totalSteps: number;
  /** Step, bracket and members kept of each rung, `15 0 6, 45 0 2` for example. */
  readonly rungs: string;
  /** The last rung at which members were compared, in steps; a state that is read after another one has not been compared yet. */
  readonly judgedStep: number;
  /** Step of the rung at which a member was stopped, [members]; −1 while it continues. */
  readonly stoppedSteps: Float64Array;
  /** Loss before the last step that a member has done, [members]. */
  readonly finalLosses: FloatArray;
}

/** An entry of the history, one per event: src/model/history.ts. */
export interface HistoryEntry {
  readonly epoch: number;
  readonly step: number;
  /** Mean of the finite losses of the steps since the entry before. */
  readonly loss: number;
  readonly learningRate: number;
  /** Since the first step, without the time between an interruption and the resumption. */
  readonly elapsedMs: number;
  /** Scores on the validation rows, and metrics where some were requested. */
  readonly validation?: (Scores & { readonly loss: number; readonly accuracy: number | undefined }) | undefined;
}

/** The course of a training until a state. */
export interface HistoryState {
  /** Epochs from this one on are known, counted from 0. */
  readonly firstEpoch: number;
  /** Sums and numbers of the finite losses of the epochs that are done. */
  readonly sums: Float64Array;
  readonly counts: Float64Array;
  /** The same of the epoch under way, and of the steps since the newest entry; with the number of steps of the epoch that are known. */
  readonly open: { readonly sum: number; readonly count: number; readonly steps: number };
  readonly since: { readonly sum: number; readonly count: number };
  readonly elapsedMs: number;
  readonly entries: readonly HistoryEntry[];
}

/** Trainer state of a checkpoint beyond that of the run: an entry for each feature that keeps state between events. */
export interface TrainerState {
  readonly earlyStopping?: EarlyStoppingState;
  readonly reduceOnPlateau?: PlateauState;
  readonly halving?: HalvingState;
  readonly history?: HistoryState;
}

/** What a resumed training must share with its checkpoint: the rows of every step, and the meaning of the moments. */
export interface Fingerprint {
  /** Hash of the rows. */
  readonly data: string;
  /** Name of the optimizer, and of the average that is kept. */
  readonly optimizer: string;
  readonly batchSize: number;
  readonly seed: number;
  /** Hash of `perMember.seed`. */
  readonly memberSeeds: string | undefined;
  readonly shuffle: boolean;
  readonly bootstrap: boolean;
}

/** A checkpoint. With the same data and options, resuming from it is bit-identical to an uninterrupted run. */
export interface Checkpoint {
  /** Steps done. */
  readonly step: number;
  /** [members, parameterCount]. */
  readonly parameters: FloatArray;
  /** Optimizer state (momentum or moments), followed by the average of the parameters: [states, members, parameterCount]. */
  readonly moments: FloatArray;
  /** Same fields as `MemberResults`, [members]. */
  readonly nonFiniteSteps: Float64Array;
  readonly bestLosses: FloatArray;
  readonly bestSteps: Float64Array;
  readonly trainer?: TrainerState | undefined;
  /** Identifies the training; a checkpoint without a fingerprint can be resumed by any training. */
  readonly fingerprint?: Fingerprint | undefined;
}

/** Everything that decides what a training run computes, and in which order. */
export interface RunSettings {
  readonly data: TrainingRows;
  readonly optimizer: Optimizer;
  readonly batchSize: number;
  /** Draw batches by a seeded permutation of each epoch; never applied when one batch holds every row. */
  readonly shuffle: boolean;
  readonly seed: number;
  readonly perMember?: PerMember;
  /** Train on as many rows drawn with replacement, by the seed; with seeds per member each member has its own sample. */
  readonly bootstrap?: boolean;
  /**
   * Rows that are left out of training: each member leaves out as many, those from its own first one on, [members]. Orders and samples
   * are drawn from the others.
   */
  readonly heldOut?: { readonly rows: number; readonly from: ArrayLike<number> };
  /** Default: auto. The CPU reference has but one strategy. */
  readonly strategy?: Strategy;
  /** Default: f32. */
  readonly activationStorage?: ActivationStorage;
  /** Initial moments and results; the parameters are those of the executor. */
  readonly resume?: Checkpoint;
}

/** Training results per member, [members]. */
export interface MemberResults {
  /** Loss before the last step done; NaN where the member has stopped. */
  readonly finalLosses: FloatArray;
  /** Least loss of any step, and the step before whose update it was; infinite and −1 where there was none. */
  readonly bestLosses: FloatArray;
  readonly bestSteps: Float64Array;
  /** First step with a gradient, loss, moment or parameter that was not finite: the member stopped there; −1: it continues. */
  readonly nonFiniteSteps: Float64Array;
}

/** Scores per member on rows of data, [members]. */
export interface Scores {
  /** Mean loss of each member, as the network defines it. */
  readonly losses: FloatArray;
  /**
   * Share of rows whose largest output is the largest target (softmax), or of values on the right side of ½ (binary); undefined where
   * the loss is not a cross entropy.
   */
  readonly accuracies: FloatArray | undefined;
}

/** One training run: steps are numbered from 0 and executed once, in order. */
export interface TrainingRun {
  /** Submits `count` steps; resolves when more work may be submitted, not necessarily when it is done. */
  execute(firstStep: number, count: number): Promise<void>;
  /** Resolves when all submitted work is done. */
  finished(): Promise<void>;
  /** Losses [count, members] of steps that are still in the ring (`ringSteps` newest). Waits for the work. */
  readLosses(firstStep: number, count: number): Promise<FloatArray>;
  readonly ringSteps: number;
  /** Per member, the first step with a gradient or loss that was not finite; −1 where there was none. Waits for the work. */
  readNonFinite(): Promise<Float64Array>;
  /** Waits for the work. */
  readResults(): Promise<MemberResults>;
  /** Reads the state of the run after `step` steps, all of which must have been submitted. Waits for the work. */
  readCheckpoint(step: number): Promise<Checkpoint>;
  /** Steps that are worth handing over at once: fewer cost more each. */
  readonly leastSteps: number;
  /** Replaces the learning rate from the next submitted step on: one for all members, or one for each [members]. */
  setLearningRate(learningRate: number | Float64Array): void;
  /**
   * Stops members after the first step, all work being done: as if a value of step 0 had not been finite. Later steps leave them as
   * they are, with a loss of NaN.
   */
  stop(members: readonly number[]): void;
  dispose(): void;
}

/** Report of a plan, available before anything runs. */
export interface PlanReport {
  /** Machine that computes the run: that of the device, or wasm where a GPU offloads a tiny network. */
  readonly machine: DeviceKind;
  readonly strategy: StrategyName | "reference";
  /** Strategy and reason in about six words. */
  readonly summary: string;
  /** One sentence: why this strategy, with the estimated times of the others. */
  readonly reason: string;
  /** Dispatches of one step whose batch fits one chunk, a fraction where one dispatch takes many steps; 0 on the CPU. */
  readonly dispatchesPerStep: number;
  /** Steps that one dispatch may take. */
  readonly stepsPerDispatch: number;
  /** Milliseconds of one step by the cost model; undefined on the CPU. */
  readonly stepMs: number | undefined;
  /** Names of the kernels of one step, in order. */
  readonly kernels: readonly string[];
  /** Rows that one dispatch takes at most; larger batches are cut. */
  readonly chunkRows: number;
  /** Bytes of device memory: parameters, gradients, moments, activations, data. */
  readonly bytes: number;
}

/** Every value of one training step, for explaining it and for checking kernels. All [members, batchSize, …]. */
export interface Trace {
  /** Per layer [members, batchSize, fanOut]. */
  readonly preActivations: readonly FloatArray[];
  readonly activations: readonly FloatArray[];
  /** ∂loss/∂preActivation per layer [members, batchSize, fanOut]. */
  readonly dPreActivations: readonly FloatArray[];
  /** [members, parameterCount]. */
  readonly gradients: FloatArray;
  /** Loss per member before the update. */
  readonly losses: FloatArray;
  /** Parameters before and after the update [members, parameterCount]. */
  readonly before: FloatArray;
  readonly after: FloatArray;
}

/** One array behind the other. */
export function concatenate(parts: readonly FloatArray[]): Float64Array {
  const all = new Float64Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export const disposedFault = (place: string): Disposed =>
  new Disposed({ place, expected: "a live model", got: "one that was disposed", fix: "create the model again" });

/** Throws `Disposed` where a freed executor is used again. */
export function requireAlive(place: string, isDisposed: boolean): void {
  if (isDisposed) throw disposedFault(place);
}

/** Holds the parameters of R members of one network on one device, and computes with them. */
export interface Executor {
  readonly network: AnyNetwork;
  readonly members: number;
  /** [members, parameterCount], or a stretch of it: `count` values from `first`. */
  readParameters(first?: number, count?: number): Promise<FloatArray>;
  writeParameters(parameters: FloatArray): void;
  /** Outputs of the last layer [members, rows, outputs]. */
  predict(inputs: FloatArray): Promise<FloatArray>;
  /** Loss and accuracy of each member over rows of data, reduced where the outputs are computed. */
  score(data: Dataset): Promise<Scores>;
  planRun(settings: RunSettings): Promise<PlanReport>;
  createRun(settings: RunSettings): Promise<TrainingRun>;
  /** One step over `data` as one batch, every value read back; the executor's parameters stay as they were. */
  trace(data: TrainingRows, optimizer: Optimizer): Promise<Trace>;
  dispose(): void;
}

/** Methods that only the float64 reference has: synchronous, and for any parameters. */
export interface Reference extends Executor {
  /** As `trace`. */
  traceNow(data: TrainingRows, optimizer: Optimizer): Trace;
  /** The mean loss over data as `trace` has it, dropout included, as a function of one member's parameters [parameterCount]. */
  lossOf(data: TrainingRows): (parameters: Float64Array) => number;
  /** Parameters after the first update by an optimizer; all [members, parameterCount]. */
  update(optimizer: Optimizer, parameters: FloatArray, gradients: FloatArray): Float64Array;
}
