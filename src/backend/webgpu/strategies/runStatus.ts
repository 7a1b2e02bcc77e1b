import { widestOptimizer } from "../../batches.ts";
import type { ReplicaResults, RunSettings, TrainingState } from "../../executor.ts";
import { type BufferOwner, readStretches, write } from "../bufferOwner.ts";
import type { GpuDevice } from "../device.ts";
import { momentCount } from "../../../math/optimizer.ts";
import { replicaBlock } from "./uniforms.ts";

// What any run on a GPU keeps of its replicas: losses in a ring, and `status` of shaders/optimizer.wgsl.

/** Stands for no step. */
const noStep = 0xffffffff;
/** The largest float32, a least loss before there is any, and its bits. */
const largest = 3.4028234663852886e38;
const largestBits = 0x7f7fffff;

/** `status` [3, replicas]: first step that was not finite, bits of the least loss, step of the least loss. */
export function createStatus(owner: BufferOwner, replicas: number): GPUBuffer {
  const words = new Uint32Array(3 * replicas).fill(noStep);
  return owner.upload("status", words.fill(largestBits, replicas, 2 * replicas));
}

const toWord = (step: number): number => (step === -1 ? noStep : Math.min(step, noStep - 1));

/** Writes what an earlier run had come to into the buffers of a new one. */
export function restoreState(
  { gpu }: GpuDevice,
  { moments, status }: { readonly moments: GPUBuffer; readonly status: GPUBuffer },
  state: TrainingState,
): void {
  const { nonFiniteSteps, bestLosses, bestSteps } = state;
  const replicas = nonFiniteSteps.length;
  const words = new Uint32Array(3 * replicas);
  words.set(nonFiniteSteps.map(toWord));
  const least = new Float32Array(words.buffer, 4 * replicas, replicas).fill(largest);
  for (const [replica, step] of bestSteps.entries()) if (step !== -1) least[replica] = bestLosses[replica]!;
  words.set(bestSteps.map(toWord), 2 * replicas);
  write(gpu, moments, Float32Array.from(state.moments));
  write(gpu, status, words);
}

/** A run's buffers, and where its ring stands. */
export interface RunStatus {
  readonly device: GpuDevice;
  readonly replicas: number;
  readonly buffers: { readonly losses: GPUBuffer; readonly status: GPUBuffer; readonly settings: GPUBuffer };
  readonly ringSteps: number;
}

/** Writes `ReplicaSettings` anew: steps handed over before keep theirs, since queues are in order. */
export function writeLearningRate(run: RunStatus, settings: RunSettings, learningRate: number): void {
  const { device, buffers, replicas } = run;
  const optimizer = { ...settings.optimizer, learningRate };
  write(device.gpu, buffers.settings, replicaBlock({ ...settings, optimizer }, replicas));
}

/** Losses [count, replicas] from `firstStep`; waits for the work. */
export async function readLossRing(
  { device, replicas, buffers, ringSteps }: RunStatus,
  firstStep: number,
  count: number,
): Promise<Float32Array> {
  const buffer = buffers.losses;
  const first = firstStep % ringSteps;
  const head = Math.min(count, ringSteps - first);
  const stretches = [{ buffer, first: first * replicas, length: head * replicas }];
  if (count > head) stretches.push({ buffer, first: 0, length: (count - head) * replicas });
  return new Float32Array(await readStretches(device, "training: losses", stretches));
}

const toSteps = (words: Uint32Array): Float64Array => Float64Array.from(words, (step) => (step === noStep ? -1 : step));

/** Per replica, the first step that was not finite; −1 where there was none. Waits for the work. */
export async function readNonFinite({ device, replicas, buffers }: RunStatus): Promise<Float64Array> {
  const stretch = { buffer: buffers.status, first: 0, length: replicas };
  return toSteps(new Uint32Array(await readStretches(device, "training: status", [stretch])));
}

/** `status` as steps and losses. */
function parseStatus(words: ArrayBuffer, first: number, replicas: number): Omit<ReplicaResults, "finalLosses"> {
  const row = (index: number): Uint32Array => new Uint32Array(words, 4 * (first + index * replicas), replicas);
  const bestSteps = toSteps(row(2));
  const least = new Float32Array(words, 4 * (first + replicas), replicas);
  return {
    bestLosses: least.map((loss, replica) => (bestSteps[replica] === -1 ? Number.POSITIVE_INFINITY : loss)),
    bestSteps,
    nonFiniteSteps: toSteps(row(0)),
  };
}

/** What a state is read from. */
export interface StateSource extends RunStatus {
  readonly buffers: RunStatus["buffers"] & { readonly moments: GPUBuffer };
  readonly settings: RunSettings;
  /** [replicas, parameterCount]: the executor's. */
  readonly parameters: GPUBuffer;
  readonly parameterCount: number;
}

/** Parameters, moments and status in one go. Waits for the work. */
export async function readTrainingState(source: StateSource, step: number): Promise<TrainingState> {
  const { device, replicas, buffers, parameters, parameterCount, settings } = source;
  const count = replicas * parameterCount;
  const momentFloats = momentCount(widestOptimizer(settings)) * count;
  const stretches = [
    { buffer: parameters, first: 0, length: count },
    ...(momentFloats > 0 ? [{ buffer: buffers.moments, first: 0, length: momentFloats }] : []),
    { buffer: buffers.status, first: 0, length: 3 * replicas },
  ];
  const words = await readStretches(device, "training: state", stretches);
  return {
    step,
    parameters: new Float32Array(words, 0, count),
    moments: new Float32Array(words, 4 * count, momentFloats),
    ...parseStatus(words, count + momentFloats, replicas),
  };
}

/** How it went for each replica until `stepsDone`. Waits for the work. */
export async function readResults(status: RunStatus, stepsDone: number): Promise<ReplicaResults> {
  const { device, replicas, buffers } = status;
  const stretch = { buffer: buffers.status, first: 0, length: 3 * replicas };
  const words = await readStretches(device, "training: status", [stretch]);
  return {
    finalLosses:
      stepsDone === 0 ? new Float32Array(replicas).fill(Number.NaN) : await readLossRing(status, stepsDone - 1, 1),
    ...parseStatus(words, 0, replicas),
  };
}
