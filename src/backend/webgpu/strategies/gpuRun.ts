import { rowCountOf, widestOptimizer, withLearningRate } from "../../batches.ts";
import {
  type Checkpoint,
  type MemberResults,
  requireAlive,
  type RunSettings,
  type TrainingRun,
} from "../../executor.ts";
import { BufferOwner, readStretches, write } from "../bufferOwner.ts";
import type { GpuDevice } from "../device.ts";
import type { AnyNetwork } from "../../../graph/graphNetwork.ts";
import { type Optimizer } from "../../../math/optimizer.ts";
import { initialState, stateCount } from "../../../math/optimizerFunction.ts";
import { InFlight } from "./inFlight.ts";
import { hyperBlock, memberBlock } from "./uniforms.ts";

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
function restoreState(
  device: GpuDevice,
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
  write(device, moments, Float32Array.from(state.moments));
  write(device, status, words);
}

/** Writes what the optimizer keeps before the first step, where it is not 0. */
function writeInitialState({ device, network, members, settings, parameters, buffers }: RunParts): void {
  const { gpu } = device;
  const count = members * network.parameterCount;
  for (const [state, value] of initialState(widestOptimizer(settings), network.parameterCount).entries()) {
    const offset = 4 * count * state;
    if (value === "parameter") {
      device.guarded("training: state", () => {
        const encoder = gpu.createCommandEncoder({ label: "training: state" });
        encoder.copyBufferToBuffer(parameters, 0, buffers.moments, offset, 4 * count);
        device.submit("training: state", encoder);
      });
    } else if (value !== 0) write(device, buffers.moments, new Float32Array(count).fill(value), offset);
  }
}

const toSteps = (words: Uint32Array): Float64Array => Float64Array.from(words, (step) => (step === noStep ? -1 : step));

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

/** What every run reads and frees, whatever else its strategy holds. */
export interface RunBuffers {
  readonly owner: BufferOwner;
  /** [ringSteps, members]. */
  readonly losses: GPUBuffer;
  /** [3, members]. */
  readonly status: GPUBuffer;
  /** [members] of `MemberSettings`. */
  readonly settings: GPUBuffer;
  /** [stateCount, members, parameterCount]. */
  readonly moments: GPUBuffer;
  /** `Hyper` of shaders/hyper.wgsl. */
  readonly hyper: GPUBuffer;
}

/** What every run is made of. */
export interface RunParts {
  readonly device: GpuDevice;
  readonly network: AnyNetwork;
  readonly members: number;
  readonly settings: RunSettings;
  readonly plan: { readonly ringSteps: number };
  readonly buffers: RunBuffers;
  /** [members, parameterCount]: the executor's. */
  readonly parameters: GPUBuffer;
}

/** Allocates these buffers, with the state that the run resumes. */
export function createRunBuffers(
  {
    device,
    network,
    members,
    settings,
    plan,
  }: Omit<RunParts, "buffers" | "parameters"> & {
    readonly plan: { readonly splits: number };
  },
  owner: BufferOwner,
): RunBuffers {
  const widest = widestOptimizer(settings);
  const hyper = hyperBlock(network, members, plan, widest);
  const buffers = {
    owner,
    hyper: owner.uniform("hyper", hyper.byteLength),
    settings: owner.upload("settings", memberBlock(settings, members)),
    moments: owner.storage("moments", stateCount(widest, network.parameterCount) * members * network.parameterCount),
    losses: owner.storage("losses", plan.ringSteps * members),
    status: createStatus(owner, members),
  };
  write(device, buffers.hyper, hyper);
  if (settings.resume) restoreState(device, buffers, settings.resume);
  return buffers;
}

/** Allocates the buffers of a run and creates it; frees them where either fails. */
export async function openRun<Buffers, Run>(
  device: GpuDevice,
  allocate: (owner: BufferOwner) => Buffers,
  create: (buffers: Buffers) => Promise<Run>,
): Promise<Run> {
  const owner = new BufferOwner(device);
  const free = (): void => owner.dispose();
  try {
    return await create(await device.checked("training: buffers", () => allocate(owner), free));
  } catch (error) {
    free();
    throw error;
  }
}

/** A training run on a GPU: its losses in a ring buffer, the status of its members, and the submits under way. Owns its buffers. */
export abstract class GpuRun<Parts extends RunParts> implements TrainingRun {
  readonly ringSteps: number;
  protected readonly parts: Parts;
  protected readonly rowCount: number;
  /** The widest of all members, which the kernels are written for. */
  protected readonly optimizer: Optimizer;
  protected readonly inFlight = new InFlight();
  #stepsDone = 0;
  #isDisposed = false;

  constructor(parts: Parts) {
    this.parts = parts;
    this.ringSteps = parts.plan.ringSteps;
    this.rowCount = rowCountOf(parts.settings, parts.network);
    this.optimizer = widestOptimizer(parts.settings);
    if (!parts.settings.resume) writeInitialState(parts);
  }

  abstract readonly leastSteps: number;

  /** Submits the dispatches of `count` steps. */
  protected abstract submitSteps(firstStep: number, count: number): Promise<void>;

  async execute(firstStep: number, count: number): Promise<void> {
    this.requireAlive();
    this.parts.device.throwFault("training");
    await this.submitSteps(firstStep, count);
    this.#stepsDone = firstStep + count;
  }

  async finished(): Promise<void> {
    await this.inFlight.finished();
    this.parts.device.throwFault("training");
  }

  async readLosses(firstStep: number, count: number): Promise<Float32Array> {
    this.requireAlive();
    const { device, members, buffers } = this.parts;
    const buffer = buffers.losses;
    const first = firstStep % this.ringSteps;
    const head = Math.min(count, this.ringSteps - first);
    const stretches = [{ buffer, first: first * members, length: head * members }];
    if (count > head) stretches.push({ buffer, first: 0, length: (count - head) * members });
    return new Float32Array(await readStretches(device, "training: losses", stretches));
  }

  /** Reads the first rows of `status`. */
  #readStatus(rows: number): Promise<ArrayBuffer> {
    this.requireAlive();
    const { device, members, buffers } = this.parts;
    const stretch = { buffer: buffers.status, first: 0, length: rows * members };
    return readStretches(device, "training: status", [stretch]);
  }

  async readNonFinite(): Promise<Float64Array> {
    return toSteps(new Uint32Array(await this.#readStatus(1)));
  }

  async readResults(): Promise<MemberResults> {
    const { members } = this.parts;
    const words = await this.#readStatus(3);
    return {
      finalLosses:
        this.#stepsDone === 0
          ? new Float32Array(members).fill(Number.NaN)
          : await this.readLosses(this.#stepsDone - 1, 1),
      ...parseStatus(words, 0, members),
    };
  }

  /** Parameters, moments and status in one go. */
  async readCheckpoint(step: number): Promise<Checkpoint> {
    this.requireAlive();
    const { device, network, members, buffers, parameters } = this.parts;
    const count = members * network.parameterCount;
    const momentFloats = stateCount(this.optimizer, network.parameterCount) * count;
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

  /** Rewrites `MemberSettings`: steps submitted before keep theirs, since queues are in order. */
  setLearningRate(learningRate: number | Float64Array): void {
    this.requireAlive();
    const { device, buffers, members, settings } = this.parts;
    write(device, buffers.settings, memberBlock(withLearningRate(settings, learningRate), members));
  }

  /** As `setLearningRate`, steps submitted before are not touched. */
  stop(members: readonly number[]): void {
    this.requireAlive();
    const { device, buffers } = this.parts;
    for (const member of members) write(device, buffers.status, Uint32Array.of(0), 4 * member);
  }

  protected requireAlive(): void {
    requireAlive("train", this.#isDisposed);
  }

  get buffers(): Parts["buffers"] {
    return this.parts.buffers;
  }

  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  /** Frees the buffers; the parameters stay with the executor. */
  dispose(): void {
    this.#isDisposed = true;
    this.buffers.owner.dispose();
  }
}
