import type { Checkpoint, Executor, FloatArray, RunSettings, TrainingRun } from "../backend/executor.ts";
import { searchesLine } from "../math/optimizerFunction.ts";

/**
 * Whether a model is to have other parameters between steps than those that steps go on from: their averages, or of a line search the start,
 * which is the best point so far, in place of a trial. Both are the last state.
 */
const keepsResult = ({ optimizer }: RunSettings): boolean =>
  optimizer.around?.average !== undefined || searchesLine(optimizer);

/** The parameters that a training is to end with: its last state. */
const lastStateOf = ({ moments, parameters }: Checkpoint): FloatArray =>
  moments.subarray(moments.length - parameters.length);

/** What a model of this training is at a state. */
export const resultOf = (settings: RunSettings, state: Checkpoint): FloatArray =>
  keepsResult(settings) ? lastStateOf(state) : state.parameters;

/** Lets a model have the result of a training between steps, where that is not what steps go on from. */
export class ResultParameters {
  readonly #executor: Executor;
  readonly #run: Pick<TrainingRun, "readCheckpoint">;
  readonly #settings: RunSettings;
  /** What steps go on from, while the model has the result. */
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
    if (!keepsResult(this.#settings)) return;
    const state = newest?.step === step ? newest : await this.#run.readCheckpoint(step);
    this.#trained = state.parameters;
    this.#executor.writeParameters(lastStateOf(state));
  }

  /** Gives the model the parameters that steps go on from. */
  hide(): void {
    if (this.#trained) this.#executor.writeParameters(this.#trained);
    this.#trained = undefined;
  }
}
