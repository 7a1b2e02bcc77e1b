import { HostedRun, type HostedRunRequest } from "./hostedRun.ts";
import { blockBytes, blockSamples, createSampleProgram, paddedCount, sliceSamples } from "./sampleProgram.ts";
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

  #write(parameters: ArrayLike<number>): void {
    const { network, at } = this.host;
    const length = paddedCount(network);
    const last = network.parameterCount - 1;
    this.host
      .floats(at.state, length)
      .set(Float32Array.from({ length }, (_, index) => parameters[Math.min(index, last)]!));
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

  /** Runs steps. */
  execute(firstStep: number, count: number): void {
    const { callSteps, exports, run } = this.host;
    for (let step = firstStep; step < firstStep + count; step += callSteps) {
      const steps = Math.min(callSteps, firstStep + count - step);
      this.host.writeSteps(step, steps, (at, address) => this.#gather(at, address));
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

  /** Of one of the newest `ringSteps` steps. */
  readLoss(step: number): number {
    return this.host.lossesOf(step)[0]!;
  }

  /** The first step that was not finite, or −1; the least loss; its step. */
  readStatus(name: keyof typeof statusWords): number {
    const { status } = this.host.at;
    return (name === "leastLoss" ? this.host.floats(status, 3) : this.host.words(status, 3))[statusWords[name]]!;
  }
}
