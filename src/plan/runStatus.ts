import type { ReplicaResults, RunSettings } from "../executor.ts";
import { type BufferOwner, readStretches, write } from "../gpu/bufferOwner.ts";
import type { GpuDevice } from "../gpu/device.ts";
import { replicaBlock } from "./uniforms.ts";

// What any run on a GPU keeps of its replicas: losses in a ring, and `status` of shaders/optimizer.wgsl.

/** Stands for no step. */
const noStep = 0xffffffff;
/** Bits of the largest float32: a least loss before there is any. */
const largestBits = 0x7f7fffff;

/** `status` [3, replicas]: first step that was not finite, bits of the least loss, step of the least loss. */
export function createStatus(owner: BufferOwner, replicas: number): GPUBuffer {
  const words = new Uint32Array(3 * replicas).fill(noStep);
  return owner.upload("status", words.fill(largestBits, replicas, 2 * replicas));
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

/** How it went for each replica until `stepsDone`. Waits for the work. */
export async function readResults(status: RunStatus, stepsDone: number): Promise<ReplicaResults> {
  const { device, replicas, buffers } = status;
  const stretch = { buffer: buffers.status, first: 0, length: 3 * replicas };
  const words = await readStretches(device, "training: status", [stretch]);
  const row = (index: number): Uint32Array => new Uint32Array(words, 4 * index * replicas, replicas);
  const bestSteps = toSteps(row(2));
  const least = new Float32Array(words, 4 * replicas, replicas);
  return {
    finalLosses:
      stepsDone === 0 ? new Float32Array(replicas).fill(Number.NaN) : await readLossRing(status, stepsDone - 1, 1),
    bestLosses: least.map((loss, replica) => (bestSteps[replica] === -1 ? Number.POSITIVE_INFINITY : loss)),
    bestSteps,
    nonFiniteSteps: toSteps(row(0)),
  };
}
