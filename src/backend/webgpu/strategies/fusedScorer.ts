import { createTallies, scoresOf } from "../../score.ts";
import { type Dataset, requireAlive, type Scores } from "../../executor.ts";
import { BufferOwner, write, toFloat32 } from "../bufferOwner.ts";
import type { GpuDevice } from "../device.ts";
import { bind, createKernel, gridOf, groupSize, type Kernel, submitPass } from "../kernel.ts";
import { fusedKernels, Scoring } from "../fusedKernels.ts";
import { blockOf } from "../layout.ts";
import { type Network } from "../../../graph/network.ts";
import { InFlight } from "./inFlight.ts";
import { addSlices, type SliceSums } from "./scorer.ts";
import { sampleFlops } from "../../stepWork.ts";
import { scoreSliceRows, slicesOfChunk } from "./fusedPlan.ts";

export interface FusedScorerRequest {
  readonly device: GpuDevice;
  readonly network: Network;
  readonly members: number;
  /** [members, parameterCount]. */
  readonly parameters: GPUBuffer;
}

interface Buffers extends SliceSums {
  /** `Scoring` of shaders/scoreMembers.wgsl. */
  readonly scoring: GPUBuffer;
  /** [rows of a chunk, inputs] and [rows of a chunk, outputs]. */
  readonly inputs: GPUBuffer;
  readonly targets: GPUBuffer;
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
    const rows = this.#slices * scoreSliceRows;
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
    this.#bindGroup = bind(device, kernel, "data", [scoring, inputs, targets, parameters, losses, hits]);
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
    const chunkRows = this.#slices * scoreSliceRows;
    for (let firstRow = 0; firstRow < rowCount; firstRow += chunkRows) {
      const rows = Math.min(rowCount - firstRow, chunkRows);
      requireAlive("scores", this.#isDisposed);
      this.#upload(data, firstRow, rows);
      await this.#submit(rows);
      requireAlive("scores", this.#isDisposed);
      await addSlices(this.#request, this.#buffers, Math.ceil(rows / scoreSliceRows), tallies);
    }
    return scoresOf(network, rowCount, tallies);
  }

  #upload(data: Dataset, firstRow: number, rows: number): void {
    const { device, network } = this.#request;
    const rowsOf = (values: Dataset["inputs"], width: number): Float32Array =>
      toFloat32(values.subarray(firstRow * width, (firstRow + rows) * width));
    write(device, this.#buffers.inputs, rowsOf(data.inputs, network.inputs));
    write(device, this.#buffers.targets, rowsOf(data.targets, network.outputs));
  }

  /** Pairs of a slice and a member, in dispatches of as many as one may take of them. */
  async #submit(rows: number): Promise<void> {
    const { device, network, members } = this.#request;
    const { gpu } = device;
    const pairs = Math.ceil(rows / scoreSliceRows) * members;
    // sampleFlops counts backward as well: dispatches take less than they may
    const most = Math.floor(device.dispatchFlops / (Math.min(rows, scoreSliceRows) * sampleFlops(network)));
    const pairsAtOnce = Math.max(groupSize, most - (most % groupSize));
    const inFlight = new InFlight();
    for (let first = 0; first < pairs; first += pairsAtOnce) {
      requireAlive("scores", this.#isDisposed);
      const end = Math.min(pairs, first + pairsAtOnce);
      write(device, this.#buffers.scoring, blockOf(Scoring, { rows, members, firstPair: first, endPair: end }));
      submitPass(device, "scores", (pass) => {
        pass.setPipeline(this.#kernel.pipeline);
        pass.setBindGroup(0, this.#bindGroup, [0]);
        pass.dispatchWorkgroups(...gridOf(end - first));
      });
      await inFlight.add(device.settled("scores", gpu.queue.onSubmittedWorkDone()));
    }
  }

  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#owner.dispose();
  }
}
