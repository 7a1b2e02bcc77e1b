import type { Network } from "../../graph/network.ts";
import { nextTask } from "../../nextTask.ts";
import type { Checkpoint, FloatArray, MemberResults, RunSettings, TrainingRun } from "../executor.ts";
import { sharesFused } from "./costModel.ts";
import type { WasmDevice } from "./device.ts";
import { MemberRun } from "./memberRun.ts";
import type { Program } from "./program.ts";
import type { statusWords } from "./runLayout.ts";
import { SampleRun } from "./sampleRun.ts";

/** Time after which others get their turn. */
const unitMs = 20;
export interface FusedRequest {
  readonly device: WasmDevice;
  readonly network: Network;
  readonly members: number;
  readonly settings: RunSettings;
  /** [members, parameterCount]. */
  readonly parameters: FloatArray;
  readonly requireAlive: () => void;
  /** Called before the run is freed, while its parameters can still be read. */
  readonly ended: () => void;
}

/** A training of small networks in straight-line code: many steps to a call, members or samples in the lanes of vectors. */
export class FusedRun implements TrainingRun {
  readonly leastSteps = 1;
  readonly #request: FusedRequest;
  readonly #run: MemberRun | SampleRun;
  readonly #program: Program | undefined;
  #lastStep = -1;

  private constructor(request: FusedRequest, run: MemberRun | SampleRun) {
    const { device, network, members, settings } = request;
    const { heap, pool } = device;
    this.#request = request;
    this.#run = run;
    const rows = Math.min(settings.batchSize, run.host.rowCount);
    const isShared = pool.threads > 1 && sharesFused(network.parameterCount, members, rows);
    this.#program = isShared ? run.createProgram(heap, pool.threads) : undefined;
    if (settings.resume) run.restore(settings.resume);
  }

  static async create(request: FusedRequest): Promise<FusedRun> {
    const { device, network, members, settings, parameters } = request;
    const own = { heap: device.heap, pool: device.pool, network, settings };
    const run =
      members > 1 ? await MemberRun.create({ ...own, members }, parameters) : await SampleRun.create(own, parameters);
    try {
      return new FusedRun(request, run);
    } catch (error) {
      run.free(device.heap);
      throw error;
    }
  }

  get ringSteps(): number {
    return this.#run.host.ringSteps;
  }

  setLearningRate(learningRate: number): void {
    this.#run.setLearningRate(learningRate);
  }

  async execute(firstStep: number, count: number): Promise<void> {
    const { pool } = this.#request.device;
    const { callSteps } = this.#run.host;
    let pauseMs = performance.now() + unitMs;
    let turns = 1;
    for (let done = 0; done < count;) {
      const steps = Math.min(this.#program ? turns : callSteps, callSteps, count - done);
      this.#request.requireAlive();
      pool.requireAlive();
      const startMs = performance.now();
      if (this.#program) await this.#share(this.#program, firstStep + done, steps);
      else this.#run.execute(firstStep + done, steps);
      done += steps;
      this.#lastStep = firstStep + done - 1;
      turns = Math.max(1, Math.floor((unitMs * steps) / Math.max(0.01, performance.now() - startMs)));
      if (pool.threads === 1 || !this.#program) {
        if (performance.now() < pauseMs) continue;
        await nextTask();
        pauseMs = performance.now() + unitMs;
      }
    }
  }

  /** Members take all steps in one turn; the samples of one network take a turn for each step. */
  async #share(program: Program, firstStep: number, steps: number): Promise<void> {
    this.#run.describe(firstStep, steps);
    await this.#request.device.pool.run(program, this.#run instanceof SampleRun ? steps : 1);
  }

  finished(): Promise<void> {
    return Promise.resolve();
  }

  readLosses(firstStep: number, count: number): Promise<FloatArray> {
    const { members } = this.#request;
    const losses = new Float32Array(count * members);
    for (let at = 0; at < count; at++) losses.set(this.#run.readLosses(firstStep + at), at * members);
    return Promise.resolve(losses);
  }

  #status(name: keyof typeof statusWords): Float64Array {
    return Float64Array.from(this.#run.readStatus(name));
  }

  readNonFinite(): Promise<Float64Array> {
    return Promise.resolve(this.#status("nonFinite"));
  }

  async readResults(): Promise<MemberResults> {
    const { members } = this.#request;
    const hasLosses = this.#lastStep >= 0;
    return {
      finalLosses: hasLosses ? await this.readLosses(this.#lastStep, 1) : new Float32Array(members).fill(Number.NaN),
      bestLosses: Float32Array.from(this.#status("leastLoss")),
      bestSteps: this.#status("leastStep"),
      nonFiniteSteps: this.#status("nonFinite"),
    };
  }

  async readCheckpoint(step: number): Promise<Checkpoint> {
    const { bestLosses, bestSteps, nonFiniteSteps } = await this.readResults();
    const moments = Float32Array.from(this.#run.readMoments().flatMap((state) => [...state]));
    return { step, parameters: this.readParameters(), moments, nonFiniteSteps, bestLosses, bestSteps };
  }

  /** [members, parameterCount]. */
  readParameters(): Float32Array {
    return this.#run.readParameters();
  }

  /** @param parameters [members, parameterCount] */
  writeParameters(parameters: FloatArray): void {
    this.#run.writeParameters(parameters);
  }

  dispose(): void {
    this.#request.ended();
    this.#program?.dispose();
    this.#run.free(this.#request.device.heap);
  }
}
