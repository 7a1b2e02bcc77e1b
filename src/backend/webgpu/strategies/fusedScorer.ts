import { createTallies, scoresOf, type Tallies } from "../../score.ts";
import { type Dataset, requireAlive, type Scores } from "../../executor.ts";
import { BufferOwner, readStretches, write } from "../bufferOwner.ts";
import type { GpuDevice } from "../device.ts";
import { isNamed } from "../emit/emitForward.ts";
import { createKernel, gridOf, groupSize, type Kernel } from "../kernel.ts";
import { fusedKernels } from "../kernels.ts";
import { blockOf } from "../layout.ts";
import { Scoring } from "../layouts.ts";
import { type Network, takesLogits } from "../../../graph/network.ts";
import { sampleFlops } from "./costModel.ts";
import { isStraight } from "./fusedPlan.ts";
import { toFloat32 } from "./layeredBuffers.ts";
import type { PlanLimits } from "./layeredPlan.ts";

/** `SLICE_ROWS` of shaders/scoreMembers.wgsl: rows that are summed in float32; what is beyond is summed in float64 on the host. */
const sliceRows = 128;
/** Sums that are kept before they are read back, and slices of one member among them. */
const maxSums = 2 ** 20;
const maxSlices = 1024;
/** Bytes of the inputs, and of the targets, of a chunk. */
const chunkBytes = 2 ** 24;
/** Dispatches that may be under way at once. */
const dispatchesInFlight = 2;

/** Slices of a chunk: as many as memory holds of their rows and of their sums for all members. */
function slicesOfChunk({ maxBufferBytes }: PlanLimits, { inputs, outputs }: Network, members: number): number {
  const rows = Math.min(chunkBytes, maxBufferBytes) / (4 * Math.max(inputs, outputs));
  const sums = Math.max(members, Math.min(maxSums, maxBufferBytes / 4));
  return Math.floor(Math.min(maxSlices, rows / sliceRows, sums / members));
}

/**
 * Rows of all members together that pay for compiling a network whose parameters lie in an array, which takes a second or two:
 * on a software adapter some one to four scores, by times of both; on hardware an estimate. Up to `maxNamedParameters` it
 * takes no longer than compiling the kernels of the layers.
 */
const worthCompiling = { software: 2 ** 17, gpu: 2 ** 24 } as const;

/** Whether members are scored sooner over so many rows by one invocation for each and for each slice than layer by layer. */
export const scoresFused = (limits: PlanLimits, network: Network, members: number, rows: number): boolean =>
  isStraight(network) &&
  slicesOfChunk(limits, network, members) > 0 &&
  (isNamed(network) || members * rows >= worthCompiling[limits.kind]);

export interface FusedScorerRequest {
  readonly device: GpuDevice;
  readonly network: Network;
  readonly members: number;
  /** [members, parameterCount]. */
  readonly parameters: GPUBuffer;
}

interface Buffers {
  /** `Scoring` of shaders/scoreMembers.wgsl. */
  readonly scoring: GPUBuffer;
  /** [rows of a chunk, inputs] and [rows of a chunk, outputs]. */
  readonly inputs: GPUBuffer;
  readonly targets: GPUBuffer;
  /** [slices of a chunk, members]. */
  readonly losses: GPUBuffer;
  readonly hits: GPUBuffer;
}

/**
 * Scores many small networks: forward, loss and right answers of a slice of the rows in one invocation, which writes nothing but
 * its sums. Memory: a chunk of the data, at most 16 MiB of inputs and of targets, and at most 2²⁰ sums of either kind, or one
 * per member.
 */
export class FusedScorer {
  readonly #request: FusedScorerRequest;
  readonly #owner: BufferOwner;
  readonly #slices: number;
  readonly #kernel: Kernel;
  readonly #buffers: Buffers;
  readonly #bindGroup: GPUBindGroup;
  #turn: Promise<unknown> = Promise.resolve();
  #isDisposed = false;

  private constructor(request: FusedScorerRequest, kernel: Kernel) {
    const { device, network, members, parameters } = request;
    this.#request = request;
    this.#kernel = kernel;
    this.#owner = new BufferOwner(device);
    this.#slices = slicesOfChunk(device, network, members);
    const rows = this.#slices * sliceRows;
    const sums = this.#slices * members;
    try {
      this.#buffers = {
        scoring: this.#owner.uniform("scoring", Scoring.bytes),
        inputs: this.#owner.storage("scoring inputs", rows * network.inputs),
        targets: this.#owner.storage("scoring targets", rows * network.outputs),
        losses: this.#owner.storage("scoring losses", sums),
        hits: this.#owner.storage("scoring hits", sums),
      };
    } catch (error) {
      this.#owner.dispose();
      throw error;
    }
    const { scoring, inputs, targets, losses, hits } = this.#buffers;
    const bound = [scoring, inputs, targets, parameters, losses, hits];
    const entries = bound.map((buffer, binding) => ({ binding, resource: { buffer } }));
    this.#bindGroup = device.gpu.createBindGroup({ label: kernel.name, layout: kernel.layout, entries });
  }

  /** Compiles for the network, which must be one that is straight. */
  static async create(request: FusedScorerRequest): Promise<FusedScorer> {
    const { device, network } = request;
    const kernel = await createKernel(device, fusedKernels.scoreMembers(network));
    return device.checked(
      "scores: buffers",
      () => new FusedScorer(request, kernel),
      (created) => created.dispose(),
    );
  }

  /** Loss and accuracy of each member. Calls take turns, since they share their buffers. */
  score(data: Dataset): Promise<Scores> {
    const scores = this.#turn.then(() => this.#score(data));
    this.#turn = scores.catch(() => {});
    return scores;
  }

  async #score(data: Dataset): Promise<Scores> {
    const { network, members } = this.#request;
    const rowCount = data.targets.length / network.outputs;
    const tallies = createTallies(members);
    const chunkRows = this.#slices * sliceRows;
    for (let firstRow = 0; firstRow < rowCount; firstRow += chunkRows) {
      const rows = Math.min(rowCount - firstRow, chunkRows);
      requireAlive("scores", this.#isDisposed);
      this.#upload(data, firstRow, rows);
      await this.#submit(rows);
      await this.#collect(Math.ceil(rows / sliceRows), tallies);
    }
    return scoresOf(network, rowCount, tallies);
  }

  #upload(data: Dataset, firstRow: number, rows: number): void {
    const { device, network } = this.#request;
    const rowsOf = (values: Dataset["inputs"], width: number): Float32Array =>
      toFloat32(values.subarray(firstRow * width, (firstRow + rows) * width));
    write(device.gpu, this.#buffers.inputs, rowsOf(data.inputs, network.inputs));
    write(device.gpu, this.#buffers.targets, rowsOf(data.targets, network.outputs));
  }

  /** Pairs of a slice and a member, in dispatches of as many as one may take of them. */
  async #submit(rows: number): Promise<void> {
    const { device, network, members } = this.#request;
    const { gpu } = device;
    const pairs = Math.ceil(rows / sliceRows) * members;
    // sampleFlops counts backward as well: dispatches take less than they may
    const most = Math.floor(device.dispatchFlops / (Math.min(rows, sliceRows) * sampleFlops(network)));
    const pairsAtOnce = Math.max(groupSize, most - (most % groupSize));
    const inFlight: Promise<void>[] = [];
    for (let first = 0; first < pairs; first += pairsAtOnce) {
      requireAlive("scores", this.#isDisposed);
      const end = Math.min(pairs, first + pairsAtOnce);
      write(gpu, this.#buffers.scoring, blockOf(Scoring, { rows, members, firstPair: first, endPair: end }));
      this.#dispatch(end - first);
      const done = device.settled("scores", gpu.queue.onSubmittedWorkDone());
      done.catch(() => {}); // thrown where it is awaited
      inFlight.push(done);
      if (inFlight.length > dispatchesInFlight) await inFlight.shift();
    }
  }

  #dispatch(invocations: number): void {
    const { gpu } = this.#request.device;
    const encoder = gpu.createCommandEncoder({ label: "scores" });
    const pass = encoder.beginComputePass({ label: "scores" });
    pass.setPipeline(this.#kernel.pipeline);
    pass.setBindGroup(0, this.#bindGroup, [0]);
    pass.dispatchWorkgroups(...gridOf(invocations));
    pass.end();
    gpu.queue.submit([encoder.finish()]);
  }

  /** Adds the sums of slices to the tallies, in order. */
  async #collect(slices: number, tallies: Tallies): Promise<void> {
    requireAlive("scores", this.#isDisposed);
    const { device, network, members } = this.#request;
    const { losses, hits } = this.#buffers;
    const length = slices * members;
    const stretches = (takesLogits(network.loss) ? [losses, hits] : [losses]).map((buffer) => ({
      buffer,
      first: 0,
      length,
    }));
    const read = await readStretches(device, "scores", stretches);
    addSlices(new Float32Array(read, 0, length), tallies.losses);
    addSlices(new Uint32Array(read, 4 * length), tallies.hits);
  }

  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#owner.dispose();
  }
}

/** Adds [slices, members] to [members]. */
function addSlices(sums: Float32Array | Uint32Array, totals: Float64Array): void {
  for (let first = 0; first < sums.length; first += totals.length) {
    for (let member = 0; member < totals.length; member++) totals[member]! += sums[first + member]!;
  }
}
