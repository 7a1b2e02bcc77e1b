import type { Checkpoint, FloatArray, RunSettings, TrainingRun } from "../backend/executor.ts";
import { searchesLine } from "../math/optimizerFunction.ts";

/**
 * Whether a model has other parameters than those that steps continue from: their averages, or of a line search the point that it has come to,
 * while steps evaluate a trial.
 */
const keepsResult = ({ optimizer }: RunSettings): boolean =>
  optimizer.around?.average !== undefined || searchesLine(optimizer);

/** What a training keeps for the model: its last state. */
const lastStateOf = ({ moments, parameters }: Checkpoint): FloatArray =>
  moments.subarray(moments.length - parameters.length);

/**
 * What a model of this training is at a state.
 * @param stopped members that early stopping has stopped: their parameters are what they end with
 */
export function resultOf(
  settings: RunSettings,
  state: Checkpoint,
  stopped: ReadonlySet<number> = new Set(),
): FloatArray {
  if (!keepsResult(settings)) return state.parameters;
  const kept = lastStateOf(state);
  if (stopped.size === 0) return kept;
  const result = kept.slice() as FloatArray;
  const width = result.length / state.bestSteps.length;
  for (const member of stopped) {
    const [first, end] = [member * width, (member + 1) * width];
    result.set(state.parameters.subarray(first, end), first);
  }
  return result;
}

/** The members of which results are shown: all, or those of a run that may be packed. */
interface Shown {
  writeParameters(parameters: FloatArray): void;
  /** Members that have what they end with. */
  readonly stopped?: ReadonlySet<number>;
}

/** Lets a model have the result of a training between steps, where that is not what steps continue from. */
export class ResultParameters {
  /** Whose parameters change. */
  of: Shown;
  readonly #run: Pick<TrainingRun, "readCheckpoint">;
  readonly #settings: RunSettings;
  /** What was shown last; steps continue from its parameters. */
  #state: Checkpoint | undefined;
  #isShown = false;

  constructor(of: Shown, run: Pick<TrainingRun, "readCheckpoint">, settings: RunSettings) {
    this.of = of;
    this.#run = run;
    this.#settings = settings;
  }

  get isOn(): boolean {
    return keepsResult(this.#settings);
  }

  /** What the model is at a state. */
  resultOf(state: Checkpoint): FloatArray {
    return resultOf(this.#settings, state, this.of.stopped);
  }

  /**
   * @param newest a state, which is read unless it is that after `step` steps
   * @returns the state whose result the model has; undefined where that is what steps continue from
   */
  async show(step: number, newest: Checkpoint | undefined): Promise<Checkpoint | undefined> {
    if (!this.isOn) return undefined;
    const known = [this.#state, newest].find((state) => state?.step === step);
    const state = known ?? (await this.#run.readCheckpoint(step));
    this.showState(state);
    return state;
  }

  showState(state: Checkpoint): void {
    if (!this.isOn) return;
    this.#state = state;
    this.#isShown = true;
    this.of.writeParameters(this.resultOf(state));
  }

  /** Gives the model the parameters that steps continue from. */
  hide(): void {
    if (this.#isShown) this.of.writeParameters(this.#state!.parameters);
    this.#isShown = false;
  }

  /** The device was lost: another begins with the parameters that steps continue from. */
  forget(): void {
    this.#state = undefined;
    this.#isShown = false;
  }
}

/** A state whose parameters are for some members what they end with. The one before keeps its own. */
export function withResults(state: Checkpoint, averaged: ResultParameters, members: readonly number[]): Checkpoint {
  const parameters = state.parameters.slice() as FloatArray;
  const results = averaged.resultOf(state);
  const width = parameters.length / state.bestSteps.length;
  for (const member of members) parameters.set(results.subarray(member * width, (member + 1) * width), member * width);
  return { ...state, parameters };
}
