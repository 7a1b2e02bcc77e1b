import { InvalidInput } from "../../../src/errors.ts";
import type { Executor, StrategyName, PlanReport, RunSettings, TrainingRun } from "../../../src/backend/executor.ts";
import type { Device } from "../../../src/backend/device.ts";
import { createExecutor } from "../../../src/backend/createExecutor.ts";
import { CannotTakePart, type Entry } from "../../race/contract.ts";
import { runSeed, type Start } from "../../race/start.ts";
import type { StepWorkload } from "../../race/workload.ts";

// Bundled against older revisions of src/ as well: nothing but the executor's contract is used of it.

/** What a run of a workload is created with. @param strategy undefined: the planner picks */
export const settingsOf = (
  { optimizer, batchSize }: StepWorkload,
  { data }: Start,
  strategy: StrategyName | undefined,
): RunSettings => ({ data, optimizer, batchSize, shuffle: true, seed: runSeed, ...(strategy && { strategy }) });

/** Why a strategy that was asked for cannot take a workload; undefined where the error says something else. */
export const refusalOf = (error: unknown): string | undefined =>
  error instanceof InvalidInput && error.fault.place === "train: strategy" ? error.message : undefined;

/** Older revisions knew one step a dispatch alone. */
const shown = ({ strategy, dispatchesPerStep, stepsPerDispatch = 1, chunkRows }: PlanReport) => ({
  strategy,
  dispatchesPerStep,
  stepsPerDispatch,
  chunkRows,
});

/** Training steps through the contract of executors. */
class Steps implements Entry {
  readonly settings: Readonly<Record<string, string | number>>;
  readonly #executor: Executor;
  readonly #start: Start;
  readonly #runSettings: RunSettings;
  #run: TrainingRun | undefined;
  #nextStep = 0;

  constructor(executor: Executor, start: Start, runSettings: RunSettings, plan: PlanReport) {
    this.#executor = executor;
    this.#start = start;
    this.#runSettings = runSettings;
    this.settings = shown(plan);
  }

  run(rounds: number): Promise<void> {
    const first = this.#nextStep;
    this.#nextStep += rounds;
    return this.#run!.execute(first, rounds);
  }

  async finish(): Promise<number> {
    // the copy is submitted behind the steps: one wait serves both. Older revisions read all parameters.
    const [parameters] = await Promise.all([this.#executor.readParameters(0, 1), this.#run!.finished()]);
    return parameters[0]!;
  }

  readState() {
    return this.#executor.readParameters();
  }

  async restart(): Promise<void> {
    await this.#run?.finished();
    this.#run?.dispose();
    this.#executor.writeParameters(this.#start.state);
    this.#run = await this.#executor.createRun(this.#runSettings);
    this.#nextStep = 0;
  }

  dispose(): void {
    this.#run?.dispose();
    this.#executor.dispose();
  }
}

/**
 * @param strategy undefined: the planner picks
 * @throws CannotTakePart where that strategy cannot take the workload; what the library throws where it does not fit the device
 */
export async function createSteps(
  device: Device,
  workload: StepWorkload,
  start: Start,
  strategy?: StrategyName,
): Promise<Entry> {
  const executor = await createExecutor(device, workload.network, workload.members);
  try {
    const settings = settingsOf(workload, start, strategy);
    const steps = new Steps(executor, start, settings, await executor.planRun(settings));
    await steps.restart();
    return steps;
  } catch (error) {
    executor.dispose();
    const refusal = refusalOf(error);
    throw refusal === undefined ? error : new CannotTakePart(refusal);
  }
}
