import type { Checkpoint } from "../executor.ts";
import type { Heap } from "./heap.ts";
import { HostedRun, type HostedRunRequest } from "./hostedRun.ts";
import { blockBytes, blockSamples, createSampleProgram, paddedCount, sliceSamples } from "./sampleProgram.ts";
import { Program } from "./program.ts";
import { statusWords } from "./runLayout.ts";

/** The training of one network, four samples to a vector. */
export class SampleRun {
  /** The program in its memory: threads call its parts. */
  readonly host: HostedRun;
  private constructor(host: HostedRun) {
    this.host = host;
  }

  static async create(request: Omit<HostedRunRequest, "members">, parameters: ArrayLike<number>): Promise<SampleRun> {
    const { network } = request;
    const host = await HostedRun.create({ ...request, members: 1 }, createSampleProgram, {
      state: 4 * paddedCount(network),
      rates: 4 * 3,
      status: 4 * 3,
      loss: 4,
      slices: Math.ceil(request.settings.batchSize / sliceSamples),
      // Blocks, and the indices of their rows behind them.
      batch: (batchSize) => Math.ceil(batchSize / blockSamples) * (blockBytes(network) + 4 * blockSamples),
    });
    const run = new SampleRun(host);
    run.#write(parameters);
    if (host.takesAllRows) run.#gather(0, host.batches);
    return run;
  }

  /** Replaces the parameters. @param parameters [parameterCount] */
  writeParameters(parameters: ArrayLike<number>): void {
    const { network, at } = this.host;
    const length = paddedCount(network);
    const last = network.parameterCount - 1;
    this.host
      .floats(at.state, length)
      .set(Float32Array.from({ length }, (_, index) => parameters[Math.min(index, last)]!));
  }

  #write(parameters: ArrayLike<number>): void {
    this.writeParameters(parameters);
    const { at } = this.host;
    this.host.floats(at.rates, 3).set(this.host.ratesOf(0));
    const steps = this.host.words(at.status, 3);
    steps[statusWords.nonFinite] = -1;
    steps[statusWords.leastStep] = -1;
    this.host.floats(at.status, 3)[statusWords.leastLoss] = Number.POSITIVE_INFINITY;
  }

  /** Puts the indices of a batch behind its blocks, and writes these. */
  #gather(step: number, address: number): void {
    const rows = this.host.rowsOf(step);
    const { exports, run, network } = this.host;
    const indices = address + Math.ceil(rows.length / blockSamples) * blockBytes(network);
    this.host.words(indices, rows.length).set(rows);
    exports.gather!(run, indices, rows.length, address);
  }

  setLearningRate(learningRate: number): void {
    this.host.setLearningRate(learningRate);
    this.host.floats(this.host.at.rates, 3).set(this.host.ratesOf(0));
  }

  /** Goes on from a checkpoint; the parameters are there already. */
  restore({ moments, nonFiniteSteps, bestLosses, bestSteps }: Checkpoint): void {
    const { network, at } = this.host;
    const length = paddedCount(network);
    const { parameterCount } = network;
    for (let store = 1; store < this.host.storeCount; store++) {
      const own = moments.subarray((store - 1) * parameterCount, store * parameterCount);
      const padded = Float32Array.from({ length }, (_, index) => own[Math.min(index, parameterCount - 1)]!);
      this.host.floats(at.state + 4 * store * length, length).set(padded);
    }
    const steps = this.host.words(at.status, 3);
    steps[statusWords.nonFinite] = nonFiniteSteps[0]!;
    steps[statusWords.leastStep] = bestSteps[0]!;
    this.host.floats(at.status, 3)[statusWords.leastLoss] = bestLosses[0]!;
  }

  /** Describes steps to the program, at most `host.callSteps`. */
  describe(firstStep: number, count: number): void {
    this.host.writeSteps(firstStep, count, (at, address) => this.#gather(at, address));
  }

  /** A program for threads, of which a turn is one of the steps described. */
  createProgram(heap: Heap): Program {
    const { kernels, run, settings } = this.host;
    const items = Math.ceil(Math.min(settings.batchSize, this.host.rowCount) / sliceSamples);
    return new Program(heap, [
      { items, calls: [{ kernel: kernels.slices!, args: run }] },
      { items: 1, calls: [{ kernel: kernels.finish!, args: run }] },
    ]);
  }

  free(_heap: Heap): void {
    this.host.free();
  }

  /** Runs steps. */
  execute(firstStep: number, count: number): void {
    const { callSteps, exports, run } = this.host;
    for (let step = firstStep; step < firstStep + count; step += callSteps) {
      const steps = Math.min(callSteps, firstStep + count - step);
      this.describe(step, steps);
      exports.train!(run);
    }
  }

  /** [parameterCount] */
  readParameters(): Float32Array {
    return this.#readStore(0);
  }

  /** What the optimizer keeps, [states, parameterCount]. */
  readMoments(): Float32Array[] {
    return Array.from({ length: this.host.storeCount - 1 }, (_, state) => this.#readStore(state + 1));
  }

  #readStore(store: number): Float32Array {
    const { network, at } = this.host;
    return this.host.floats(at.state + 4 * store * paddedCount(network), network.parameterCount).slice();
  }

  /** [1], of one of the newest `ringSteps` steps. */
  readLosses(step: number): Float32Array {
    return this.host.lossesOf(step).slice();
  }

  /** [1]: the first step that was not finite, or −1; the least loss; its step. */
  readStatus(name: keyof typeof statusWords): number[] {
    const { status } = this.host.at;
    const values = name === "leastLoss" ? this.host.floats(status, 3) : this.host.words(status, 3);
    return [values[statusWords[name]]!];
  }
}
