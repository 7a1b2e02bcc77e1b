import { Disposed } from "./errors.ts";
import type { Network } from "./network.ts";
import type { Optimizer } from "./optimizer.ts";

/** f32 on a GPU, f64 on the CPU reference. */
export type FloatArray = Float32Array | Float64Array;

/** Rows to learn from: inputs [rows, network.inputs], targets [rows, network.outputs], both row-major. */
export interface Dataset {
  readonly inputs: FloatArray;
  readonly targets: FloatArray;
}

/** Everything that decides what a training run computes, and in which order. */
export interface RunSettings {
  readonly data: Dataset;
  readonly optimizer: Optimizer;
  readonly batchSize: number;
  /** Draw batches by a seeded permutation of each epoch; never applied when one batch holds every row. */
  readonly shuffle: boolean;
  readonly seed: number;
}

/** One training run: steps are numbered from 0 and executed once, in order. */
export interface TrainingRun {
  /** Executes `count` steps; resolves when more work may be handed over, not necessarily when it is done. */
  execute(firstStep: number, count: number): Promise<void>;
  /** Resolves when all work handed over is done. */
  finished(): Promise<void>;
  /** Losses [count, replicas] of steps that are still in the ring (`ringSteps` newest). Waits for the work. */
  readLosses(firstStep: number, count: number): Promise<FloatArray>;
  readonly ringSteps: number;
  /** Per replica, the first step with a gradient or loss that was not finite; −1 where there was none. Waits for the work. */
  readNonFinite(): Promise<Float64Array>;
  dispose(): void;
}

/** What a plan tells about itself before anything runs. */
export interface PlanReport {
  readonly path: "layered" | "fused" | "reference";
  /** One sentence: why this path. */
  readonly reason: string;
  /** Dispatches of one step whose batch fits one chunk: 3L + 1 for each group of replicas; 0 on the CPU. */
  readonly dispatchesPerStep: number;
  /** Names of the kernels of one step, in order. */
  readonly kernels: readonly string[];
  /** Rows that one dispatch takes at most; larger batches are cut. */
  readonly chunkRows: number;
  /** Bytes of device memory: parameters, gradients, moments, activations, data. */
  readonly bytes: number;
}

/** Every value of one training step, for explaining it and for checking kernels. All [replicas, batchSize, …]. */
export interface Trace {
  /** Per layer [replicas, batchSize, fanOut]. */
  readonly preActivations: readonly FloatArray[];
  readonly activations: readonly FloatArray[];
  /** ∂loss/∂preActivation per layer [replicas, batchSize, fanOut]. */
  readonly dPreActivations: readonly FloatArray[];
  /** [replicas, parameterCount]. */
  readonly gradients: FloatArray;
  /** Loss per replica before the update. */
  readonly losses: FloatArray;
  /** Parameters before and after the update [replicas, parameterCount]. */
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

/** Throws `Disposed` where a freed executor is used again. */
export function requireAlive(place: string, isDisposed: boolean): void {
  if (!isDisposed) return;
  const fix = "create the model again";
  throw new Disposed({ place, expected: "a live model", got: "one that was disposed", fix });
}

/** What computes: holds the parameters of R replicas of one network on one device. */
export interface Executor {
  readonly network: Network;
  readonly replicas: number;
  /** [replicas, parameterCount], or a stretch of it: `count` values from `first`. */
  readParameters(first?: number, count?: number): Promise<FloatArray>;
  writeParameters(parameters: FloatArray): void;
  /** Outputs of the last layer [replicas, rows, outputs]. */
  predict(inputs: FloatArray): Promise<FloatArray>;
  planRun(settings: RunSettings): PlanReport;
  createRun(settings: RunSettings): Promise<TrainingRun>;
  /** One step over `data` as one batch, every value read back; the executor's parameters stay as they were. */
  trace(data: Dataset, optimizer: Optimizer): Promise<Trace>;
  dispose(): void;
}
