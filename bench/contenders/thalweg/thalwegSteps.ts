import type { Executor, TrainingRun } from "../../../src/executor.ts";
import type { GpuDevice } from "../../../src/gpu/device.ts";
import { createExecutor } from "../../../src/plan/choose.ts";
import type { Entry } from "../../race/contract.ts";
import { runSeed, type Start } from "../../race/start.ts";
import type { StepWorkload } from "../../race/workload.ts";

// Bundled against older revisions of src/ as well: nothing but the executor's contract is used of it.

/** Training steps through the contract of executors. */
class Steps implements Entry {
  readonly settings: Readonly<Record<string, string | number>>;
  readonly #executor: Executor;
  readonly #start: Start;
  readonly #workload: StepWorkload;
  #run: TrainingRun | undefined;
  #nextStep = 0;

  constructor(executor: Executor, workload: StepWorkload, start: Start) {
    this.#executor = executor;
    this.#workload = workload;
    this.#start = start;
    const plan = executor.planRun(this.#runSettings);
    this.settings = { path: plan.path, dispatchesPerStep: plan.dispatchesPerStep, chunkRows: plan.chunkRows };
  }

  get #runSettings() {
    const { optimizer, batchSize } = this.#workload;
    return { data: this.#start.data, optimizer, batchSize, shuffle: true, seed: runSeed };
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

/** @throws what the library throws on a workload that does not fit the device */
export async function createSteps(device: GpuDevice, workload: StepWorkload, start: Start): Promise<Entry> {
  const executor = await createExecutor(device, workload.network, workload.replicas);
  try {
    const steps = new Steps(executor, workload, start);
    await steps.restart();
    return steps;
  } catch (error) {
    executor.dispose();
    throw error;
  }
}
