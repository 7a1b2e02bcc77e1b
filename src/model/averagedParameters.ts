import type { Checkpoint, FloatArray, RunSettings, TrainingRun } from "../backend/executor.ts";

/** The averages that a training keeps of its parameters: its last state. */
const averagesOf = ({ moments, parameters }: Checkpoint): FloatArray =>
  moments.subarray(moments.length - parameters.length);

/**
 * What a model of this training is at a state: the averages of its parameters where it keeps some.
 * @param stopped members that early stopping has stopped: their parameters are what they end with
 */
export function resultOf(
  { optimizer }: RunSettings,
  state: Checkpoint,
  stopped: ReadonlySet<number> = new Set(),
): FloatArray {
  if (!optimizer.around?.average) return state.parameters;
  const averages = averagesOf(state);
  if (stopped.size === 0) return averages;
  const result = averages.slice() as FloatArray;
  const width = result.length / state.bestSteps.length;
  for (const member of stopped) {
    const [first, end] = [member * width, (member + 1) * width];
    result.set(state.parameters.subarray(first, end), first);
  }
  return result;
}

/** The members of which averages are shown: all, or those of a run that may be packed. */
interface Shown {
  writeParameters(parameters: FloatArray): void;
  /** Members that have what they end with. */
  readonly stopped?: ReadonlySet<number>;
}

/** Lets a model have the averages of its parameters between steps, where a training keeps some. */
export class AveragedParameters {
  /** Whose parameters change. */
  of: Shown;
  readonly #run: Pick<TrainingRun, "readCheckpoint">;
  readonly #settings: RunSettings;
  /** What was shown last; steps go on from its parameters. */
  #state: Checkpoint | undefined;
  #isShown = false;

  constructor(of: Shown, run: Pick<TrainingRun, "readCheckpoint">, settings: RunSettings) {
    this.of = of;
    this.#run = run;
    this.#settings = settings;
  }

  get isOn(): boolean {
    return this.#settings.optimizer.around?.average !== undefined;
  }

  /** What the model is at a state. */
  resultOf(state: Checkpoint): FloatArray {
    return resultOf(this.#settings, state, this.of.stopped);
  }

  /**
   * @param newest a state, which is read unless it is that after `step` steps
   * @returns the state whose averages the model has; undefined where there are none
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

  /** Gives the model the parameters that steps go on from. */
  hide(): void {
    if (this.#isShown) this.of.writeParameters(this.#state!.parameters);
    this.#isShown = false;
  }

  /** The device was lost: another begins with the parameters that steps go on from. */
  forget(): void {
    this.#state = undefined;
    this.#isShown = false;
  }
}
