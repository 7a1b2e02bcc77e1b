import { createTallies, scoresOf, type Tallies } from "../../score.ts";
import { type Dataset, requireAlive, type Scores } from "../../executor.ts";
import { BufferOwner, readStretches, write, toFloat32 } from "../bufferOwner.ts";
import type { GpuDevice } from "../device.ts";
import { type Bound, createDispatch, createKernel, type Dispatch } from "../kernel.ts";
import { layerKernel, Score } from "../kernels.ts";
import { blockOf } from "../layout.ts";
import type { AnyNetwork } from "../../../graph/graphNetwork.ts";
import { nameOf, takesLogits } from "../../../graph/network.ts";
import { stepWindow } from "./costConstants.ts";
import { InFlight } from "./inFlight.ts";

/** `SLICE_ROWS` of shaders/score.wgsl: rows that are summed in float32; what is beyond is summed in float64 on the host. */
const sliceRows = 128;
/** Sums that are kept before they are read back, and slices of one member among them. */
const maxSums = 2 ** 20;
const maxSplits = 1024;

/** Rows of data on the host, and their place in all of the data. */
export interface RowChunk {
  /** [rows, network.inputs]. */
  readonly inputs: Float32Array;
  readonly firstRow: number;
}

/** Where the sums of slices lie, each [slices, members]. */
export interface SliceSums {
  readonly losses: GPUBuffer;
  readonly hits: GPUBuffer;
}

/** Adds the sums of slices to the tallies, in order; right answers only where the loss has them. */
export async function addSlices(
  { device, network, members }: Omit<ScorerRequest, "source">,
  { losses, hits }: SliceSums,
  slices: number,
  tallies: Tallies,
): Promise<void> {
  const length = slices * members;
  const buffers = takesLogits(network.loss) ? [losses, hits] : [losses];
  const stretches = buffers.map((buffer) => ({ buffer, first: 0, length }));
  const read = await readStretches(device, "scores", stretches);
  const sums = new Float32Array(read, 0, length);
  for (let at = 0; at < length; at++) tallies.losses[at % members]! += sums[at]!;
  const counts = new Uint32Array(read, 4 * length);
  for (let at = 0; at < counts.length; at++) tallies.hits[at % members]! += counts[at]!;
}

/** What computes the outputs that are scored. */
export interface OutputSource {
  /** Rows of one chunk at most. */
  readonly capacity: number;
  /** Members of one dispatch over so many rows. */
  groupMembers(rows: number): number;
  /** The slot of `Step` that `compute` writes: chunkRows, firstPosition and firstMember. */
  readonly steps: GPUBuffer;
  /** [members, rows, outputs] of the chunk that was computed last. */
  readonly outputs: Bound;
  /** Submits the forward of a chunk, one group of members after the other, `then` behind each. */
  compute(chunk: RowChunk, then?: Dispatch): void;
}

export interface ScorerRequest {
  readonly device: GpuDevice;
  readonly network: AnyNetwork;
  readonly members: number;
  readonly source: OutputSource;
}

interface Parts extends SliceSums {
  /** `Score` of shaders/score.wgsl. */
  readonly shape: GPUBuffer;
  /** [capacity, outputs]. */
  readonly targets: GPUBuffer;
  readonly dispatch: Dispatch;
}

/** Slices that a chunk of so many rows touches at most, wherever it begins. */
const slicesOf = (rows: number): number => Math.floor((rows + sliceRows - 2) / sliceRows) + 1;

/**
 * Sums losses and right answers where the outputs are, slice by slice of the rows; only the sums are read back. Memory: the
 * sums, at most 2²⁰ of either kind, and the targets of a chunk.
 */
export class Scorer {
  readonly #request: ScorerRequest;
  readonly #owner: BufferOwner;
  readonly #splits: number;
  #parts: Parts | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #isDisposed = false;

  /** Allocates nothing before the first `score`. */
  constructor(request: ScorerRequest) {
    this.#request = request;
    this.#owner = new BufferOwner(request.device);
    const sums = Math.min(maxSums, request.device.maxBufferBytes / 4);
    this.#splits = Math.max(1, Math.min(maxSplits, Math.floor(sums / request.members)));
  }

  /** Loss and accuracy of each member. Calls take turns, since they share their buffers. */
  score(data: Dataset): Promise<Scores> {
    const scores = this.#turn.then(() => this.#score(data));
    this.#turn = scores.catch(() => {});
    return scores;
  }

  async #score(data: Dataset): Promise<Scores> {
    requireAlive("scores", this.#isDisposed);
    const { network, members } = this.#request;
    this.#parts ??= await this.#create();
    const rowCount = data.targets.length / network.outputs;
    const tallies = createTallies(members);
    const windowRows = this.#splits * sliceRows;
    for (let firstRow = 0; firstRow < rowCount; firstRow += windowRows) {
      const endRow = Math.min(rowCount, firstRow + windowRows);
      await this.#submit(this.#parts, data, firstRow, endRow);
      requireAlive("scores", this.#isDisposed);
      await addSlices(this.#request, this.#parts, Math.ceil((endRow - firstRow) / sliceRows), tallies);
    }
    return scoresOf(network, rowCount, tallies);
  }

  async #create(): Promise<Parts> {
    const { device, network, members, source } = this.#request;
    const { outputs } = network;
    const kernel = await createKernel(device, layerKernel("score", { loss: network.loss }));
    requireAlive("scores", this.#isDisposed);
    const buffers = await device.checked(
      "scores: buffers",
      () => ({
        shape: this.#owner.uniform("score", Score.bytes),
        targets: this.#owner.storage("score targets", source.capacity * outputs),
        losses: this.#owner.storage("score losses", this.#splits * members),
        hits: this.#owner.storage("score hits", this.#splits * members),
      }),
      () => this.#owner.dispose(),
    );
    requireAlive("scores", this.#isDisposed);
    const { shape, targets, losses, hits } = buffers;
    const dispatch = createDispatch(device, kernel, {
      label: nameOf(network.loss),
      bound: [stepWindow(source.steps), shape, source.outputs, targets, losses, hits],
      invocations: (rows) => source.groupMembers(rows) * slicesOf(rows),
      members: 1,
    });
    return { ...buffers, dispatch };
  }

  /** Hands over the rows of one window of splits, chunk by chunk. */
  async #submit({ shape, targets, dispatch }: Parts, data: Dataset, firstRow: number, endRow: number): Promise<void> {
    const { device, network, members, source } = this.#request;
    const { inputs: fanIn, outputs: width } = network;
    const inFlight = new InFlight();
    for (let first = firstRow; first < endRow; first += source.capacity) {
      requireAlive("scores", this.#isDisposed);
      const end = Math.min(endRow, first + source.capacity);
      write(
        device,
        shape,
        blockOf(Score, {
          fanOut: width,
          members,
          groupMembers: source.groupMembers(end - first),
          splits: this.#splits,
        }),
      );
      write(device, targets, toFloat32(data.targets.subarray(first * width, end * width)));
      const inputs = toFloat32(data.inputs.subarray(first * fanIn, end * fanIn));
      source.compute({ inputs, firstRow: first }, dispatch);
      await inFlight.add(device.settled("scores", device.gpu.queue.onSubmittedWorkDone()));
    }
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#owner.dispose();
  }
}
