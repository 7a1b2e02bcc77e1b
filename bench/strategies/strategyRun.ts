import type { Executor, FloatArray, StrategyName, PlanReport, TrainingRun } from "../../src/backend/executor.ts";
import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import { createExecutor } from "../../src/backend/createExecutor.ts";
import { settingsOf } from "../contenders/thalweg/thalwegSteps.ts";
import { countCalls, type Counts } from "../measure/counters.ts";
import type { Start } from "../race/start.ts";
import type { TimedPath } from "./record.ts";
import type { PointPlan } from "./sweeps.ts";

interface StrategyRunParts {
  readonly device: GpuDevice;
  readonly executor: Executor;
  readonly run: TrainingRun;
  readonly plan: PlanReport;
  readonly compile: TimedPath["compile"];
}

/** What a strategy at a point is opened with. */
export interface StrategyRequest {
  /** A device that nothing has been compiled on; the run disposes it. */
  readonly device: GpuDevice;
  readonly point: PointPlan;
  readonly start: Start;
  readonly strategy: StrategyName;
}

async function partsOf(
  executor: Executor,
  { device, point, start, strategy }: StrategyRequest,
): Promise<StrategyRunParts> {
  const settings = settingsOf(point.workload, start, strategy);
  const plan = await executor.planRun(settings); // refuses before anything is uploaded
  executor.writeParameters(start.state);
  const create = async (): Promise<{ run: TrainingRun; ms: number }> => {
    const startMs = performance.now();
    const run = await executor.createRun(settings);
    return { run, ms: performance.now() - startMs };
  };
  const first = await create();
  first.run.dispose();
  const { run, ms: againMs } = await create();
  return { device, executor, run, plan, compile: { firstMs: first.ms, againMs } };
}

/** One strategy at one point, on its own device, so that a failure does not affect the others. */
export class StrategyRun {
  readonly plan: PlanReport;
  readonly compile: TimedPath["compile"];
  readonly #parts: StrategyRunParts;
  #nextStep = 0;

  private constructor(parts: StrategyRunParts) {
    this.#parts = parts;
    this.plan = parts.plan;
    this.compile = parts.compile;
  }

  /** @throws what the library throws where the strategy cannot take the run, or the run does not fit the device */
  static async create(request: StrategyRequest): Promise<StrategyRun> {
    const { device, point } = request;
    const { network, members } = point.workload;
    try {
      const executor = await createExecutor(device, network, members);
      return new StrategyRun(await partsOf(executor, request));
    } catch (error) {
      device.dispose();
      throw error;
    }
  }

  /** What the planner would take, of all strategies. */
  plannedFor(point: PointPlan, start: Start): Promise<PlanReport> {
    return this.#parts.executor.planRun(settingsOf(point.workload, start, undefined));
  }

  /** @param atOnce steps of one call */
  async #execute(steps: number, atOnce: number): Promise<void> {
    for (let left = steps; left > 0; left -= atOnce) {
      const count = Math.min(atOnce, left);
      const first = this.#nextStep;
      this.#nextStep += count;
      await this.#parts.run.execute(first, count);
    }
  }

  /**
   * Milliseconds of so many steps, from the first call until all work is done and a parameter is read back.
   * @param atOnce steps of one call; undefined: all of them
   */
  async time(steps: number, atOnce = steps): Promise<number> {
    const { executor, run } = this.#parts;
    const startMs = performance.now();
    await this.#execute(steps, atOnce);
    // the copy is submitted behind the steps: one wait serves both
    await Promise.all([executor.readParameters(0, 1), run.finished()]);
    return performance.now() - startMs;
  }

  /** As `time`, with the calls of WebGPU that the steps made, but for the read-back. */
  async timeAndCount(steps: number, atOnce = steps): Promise<{ readonly ms: number; readonly counts: Counts }> {
    const { executor, run } = this.#parts;
    const startMs = performance.now();
    const counts = await countCalls(async () => {
      await this.#execute(steps, atOnce);
      await run.finished();
    });
    await executor.readParameters(0, 1);
    return { ms: performance.now() - startMs, counts };
  }

  /** Parameters of `count` members from `first`. */
  readMembers(first: number, count: number): Promise<FloatArray> {
    const { executor } = this.#parts;
    const { parameterCount } = executor.network;
    return executor.readParameters(first * parameterCount, count * parameterCount);
  }

  /** @throws Error where a member has stopped: what is not trained takes no time */
  async requireFinite(): Promise<void> {
    const steps = await this.#parts.run.readNonFinite();
    const member = steps.findIndex((step) => step >= 0);
    if (member >= 0) throw new Error(`member ${member} was no longer finite at step ${steps[member]}`);
  }

  /** With its device. */
  dispose(): void {
    this.#parts.run.dispose();
    this.#parts.executor.dispose();
    this.#parts.device.dispose();
  }
}
