import type { Checkpoint, Executor, FloatArray, RunSettings, TrainingRun } from "../backend/executor.ts";

/** The averages that a training keeps of its parameters: its last state. */
const averagesOf = ({ moments, parameters }: Checkpoint): FloatArray =>
  moments.subarray(moments.length - parameters.length);

/** What a model of this training is at a state: the averages of its parameters where it keeps some. */
export const resultOf = ({ optimizer }: RunSettings, state: Checkpoint): FloatArray =>
  optimizer.around?.average ? averagesOf(state) : state.parameters;

/** Lets a model have the averages of its parameters between steps, where a training keeps some. */
export class AveragedParameters {
  readonly #executor: Executor;
  readonly #run: Pick<TrainingRun, "readCheckpoint">;
  readonly #settings: RunSettings;
  /** What steps go on from, while the model has the averages. */
  #trained: FloatArray | undefined;

  constructor(executor: Executor, run: Pick<TrainingRun, "readCheckpoint">, settings: RunSettings) {
    this.#executor = executor;
    this.#run = run;
    this.#settings = settings;
  }

  parametersOf(state: Checkpoint): FloatArray {
    return resultOf(this.#settings, state);
  }

  /** @param newest a state, which is read unless it is that after `step` steps */
  async show(step: number, newest: Checkpoint | undefined): Promise<void> {
    if (!this.#settings.optimizer.around?.average) return;
    const state = newest?.step === step ? newest : await this.#run.readCheckpoint(step);
    this.#trained = state.parameters;
    this.#executor.writeParameters(averagesOf(state));
  }

  /** Gives the model the parameters that steps go on from. */
  hide(): void {
    if (this.#trained) this.#executor.writeParameters(this.#trained);
    this.#trained = undefined;
  }
}
