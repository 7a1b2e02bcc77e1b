import type { Executor, FloatArray, TrainingRun } from "../src/executor.ts";
import type { BenchCase, Start } from "./cases.ts";

/** One executor in the middle of a training run, timed block by block. */
export class Contender {
  readonly #executor: Executor;
  readonly #run: TrainingRun;
  #nextStep = 0;
  /** Steps of one block. */
  blockSteps = 1;
  /** Buffers, upload and pipelines; pipelines that an earlier case compiled are free. */
  readonly prepareMs: number;

  private constructor(executor: Executor, run: TrainingRun, prepareMs: number) {
    this.#executor = executor;
    this.#run = run;
    this.prepareMs = prepareMs;
  }

  static async create(executor: Executor, { settings, parameters }: Start): Promise<Contender> {
    const startMs = performance.now();
    executor.writeParameters(parameters);
    const run = await executor.createRun(settings);
    await run.finished();
    return new Contender(executor, run, performance.now() - startMs);
  }

  /** Hands over `count` steps; they may still be under way when it resolves. */
  async execute(count: number): Promise<void> {
    await this.#run.execute(this.#nextStep, count);
    this.#nextStep += count;
  }

  finished(): Promise<void> {
    return this.#run.finished();
  }

  readParameters(): Promise<FloatArray> {
    return this.#executor.readParameters();
  }

  /** Milliseconds of `count` steps, from the first call until all work is done and the last step's loss is read. */
  async time(count: number): Promise<number> {
    const startMs = performance.now();
    await this.execute(count);
    await this.#run.finished();
    const losses = await this.#run.readLosses(this.#nextStep - 1, 1);
    const ms = performance.now() - startMs;
    if (!losses.every(Number.isFinite)) throw new Error(`bench: the loss of step ${this.#nextStep} is not finite`);
    return ms;
  }

  /** One block. @returns milliseconds per step */
  async block(): Promise<number> {
    return (await this.time(this.blockSteps)) / this.blockSteps;
  }

  /** Warms up, and finds how many steps a block of `blockMs` takes. */
  async calibrate(blockMs: number, warmUp: { readonly steps: number; readonly ms: number }): Promise<void> {
    let steps = 1;
    let done = 0;
    let spentMs = 0;
    for (;;) {
      const ms = await this.time(steps);
      done += steps;
      spentMs += ms;
      const isWarm = done >= warmUp.steps && spentMs >= warmUp.ms;
      if (ms >= blockMs && isWarm) break;
      if (ms < blockMs) steps = Math.ceil(steps * Math.min(8, Math.max(1.2, (1.2 * blockMs) / ms)));
    }
    this.blockSteps = steps;
  }

  dispose(): void {
    this.#run.dispose();
    this.#executor.dispose();
  }
}

/** What a check found; `passed` must hold before anything is timed. */
export interface Check {
  /** ‖w − w_ref‖ / ‖w_ref‖ after so many steps. */
  readonly deviations: readonly { readonly steps: number; readonly deviation: number }[];
  readonly tolerance: number;
  readonly passed: boolean;
}

function relativeDeviation(values: FloatArray, reference: FloatArray): number {
  let difference = 0;
  let norm = 0;
  for (const [index, expected] of reference.entries()) {
    difference += (values[index]! - expected) ** 2;
    norm += expected ** 2;
  }
  return Math.sqrt(difference / norm);
}

/** Holds parameters against the float64 reference after 1 and 10 steps from the same bits, data and order. */
export async function checkSteps(contender: Contender, reference: Contender, benchCase: BenchCase): Promise<Check> {
  const { tolerance } = benchCase;
  const deviations = [];
  for (const [steps, more] of [
    [1, 1],
    [10, 9],
  ] as const) {
    await Promise.all([contender.execute(more), reference.execute(more)]);
    await contender.finished();
    const deviation = relativeDeviation(await contender.readParameters(), await reference.readParameters());
    deviations.push({ steps, deviation });
  }
  return { deviations, tolerance, passed: deviations.every(({ deviation }) => deviation <= tolerance) };
}
