import { widestOptimizer } from "../../batches.ts";
import type { MemberResults, RunSettings, Checkpoint } from "../../executor.ts";
import { type BufferOwner, readStretches, write } from "../bufferOwner.ts";
import type { GpuDevice } from "../device.ts";
import { momentCount } from "../../../math/optimizer.ts";
import { memberBlock } from "./uniforms.ts";

// What any run on a GPU keeps of its members: losses in a ring, and `status` of shaders/optimizer.wgsl.

/** Stands for no step. */
const noStep = 0xffffffff;
/** The largest float32, a least loss before there is any, and its bits. */
const largest = 3.4028234663852886e38;
const largestBits = 0x7f7fffff;

/** `status` [3, members]: first step that was not finite, bits of the least loss, step of the least loss. */
export function createStatus(owner: BufferOwner, members: number): GPUBuffer {
  const words = new Uint32Array(3 * members).fill(noStep);
  return owner.upload("status", words.fill(largestBits, members, 2 * members));
}

const toWord = (step: number): number => (step === -1 ? noStep : Math.min(step, noStep - 1));

/** Writes what an earlier run had come to into the buffers of a new one. */
export function restoreState(
  { gpu }: GpuDevice,
  { moments, status }: { readonly moments: GPUBuffer; readonly status: GPUBuffer },
  state: Checkpoint,
): void {
  const { nonFiniteSteps, bestLosses, bestSteps } = state;
  const members = nonFiniteSteps.length;
  const words = new Uint32Array(3 * members);
  words.set(nonFiniteSteps.map(toWord));
  const least = new Float32Array(words.buffer, 4 * members, members).fill(largest);
  for (const [member, step] of bestSteps.entries()) if (step !== -1) least[member] = bestLosses[member]!;
  words.set(bestSteps.map(toWord), 2 * members);
  write(gpu, moments, Float32Array.from(state.moments));
  write(gpu, status, words);
}

/** A run's buffers, and where its ring stands. */
export interface RunStatus {
  readonly device: GpuDevice;
  readonly members: number;
  readonly buffers: { readonly losses: GPUBuffer; readonly status: GPUBuffer; readonly settings: GPUBuffer };
  readonly ringSteps: number;
}

/** Writes `MemberSettings` anew: steps handed over before keep theirs, since queues are in order. */
export function writeLearningRate(run: RunStatus, settings: RunSettings, learningRate: number): void {
  const { device, buffers, members } = run;
  const optimizer = { ...settings.optimizer, learningRate };
  write(device.gpu, buffers.settings, memberBlock({ ...settings, optimizer }, members));
}

/** Losses [count, members] from `firstStep`; waits for the work. */
export async function readLossRing(
  { device, members, buffers, ringSteps }: RunStatus,
  firstStep: number,
  count: number,
): Promise<Float32Array> {
  const buffer = buffers.losses;
  const first = firstStep % ringSteps;
  const head = Math.min(count, ringSteps - first);
  const stretches = [{ buffer, first: first * members, length: head * members }];
  if (count > head) stretches.push({ buffer, first: 0, length: (count - head) * members });
  return new Float32Array(await readStretches(device, "training: losses", stretches));
}

const toSteps = (words: Uint32Array): Float64Array => Float64Array.from(words, (step) => (step === noStep ? -1 : step));

/** Per member, the first step that was not finite; −1 where there was none. Waits for the work. */
export async function readNonFinite({ device, members, buffers }: RunStatus): Promise<Float64Array> {
  const stretch = { buffer: buffers.status, first: 0, length: members };
  return toSteps(new Uint32Array(await readStretches(device, "training: status", [stretch])));
}

/** `status` as steps and losses. */
function parseStatus(words: ArrayBuffer, first: number, members: number): Omit<MemberResults, "finalLosses"> {
  const row = (index: number): Uint32Array => new Uint32Array(words, 4 * (first + index * members), members);
  const bestSteps = toSteps(row(2));
  const least = new Float32Array(words, 4 * (first + members), members);
  return {
    bestLosses: least.map((loss, member) => (bestSteps[member] === -1 ? Number.POSITIVE_INFINITY : loss)),
    bestSteps,
    nonFiniteSteps: toSteps(row(0)),
  };
}

/** What a state is read from. */
export interface StateSource extends RunStatus {
  readonly buffers: RunStatus["buffers"] & { readonly moments: GPUBuffer };
  readonly settings: RunSettings;
  /** [members, parameterCount]: the executor's. */
  readonly parameters: GPUBuffer;
  readonly parameterCount: number;
}

/** Parameters, moments and status in one go. Waits for the work. */
export async function readRunCheckpoint(source: StateSource, step: number): Promise<Checkpoint> {
  const { device, members, buffers, parameters, parameterCount, settings } = source;
  const count = members * parameterCount;
  const momentFloats = momentCount(widestOptimizer(settings)) * count;
  const stretches = [
    { buffer: parameters, first: 0, length: count },
    ...(momentFloats > 0 ? [{ buffer: buffers.moments, first: 0, length: momentFloats }] : []),
    { buffer: buffers.status, first: 0, length: 3 * members },
  ];
  const words = await readStretches(device, "training: state", stretches);
  return {
    step,
    parameters: new Float32Array(words, 0, count),
    moments: new Float32Array(words, 4 * count, momentFloats),
    ...parseStatus(words, count + momentFloats, members),
  };
}

/** How it went for each member until `stepsDone`. Waits for the work. */
export async function readResults(status: RunStatus, stepsDone: number): Promise<MemberResults> {
  const { device, members, buffers } = status;
  const stretch = { buffer: buffers.status, first: 0, length: 3 * members };
  const words = await readStretches(device, "training: status", [stretch]);
  return {
    finalLosses:
      stepsDone === 0 ? new Float32Array(members).fill(Number.NaN) : await readLossRing(status, stepsDone - 1, 1),
    ...parseStatus(words, 0, members),
  };
}
