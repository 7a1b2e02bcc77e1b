import type { Checkpoint, Fingerprint, FloatArray, RunSettings, TrainingRun } from "../backend/executor.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { CheckpointPlan } from "./options.ts";

/** Larger sets of parameters are read during training, and not at every event. */
const readAtOnce = 2 ** 22;
/** Reading a larger set waits for so many times what the last reading took. */
const readingShare = 20;

const isGood = (nonFiniteSteps: FloatArray): boolean => nonFiniteSteps.some((step) => step < 0);

/** What states are read from. */
type StateReader = Pick<TrainingRun, "readCheckpoint" | "readNonFinite">;

/**
 * The newest good state of a training, on the host. A reading takes its values before anything that is submitted later, so
 * that steps continue meanwhile.
 */
export class CheckpointKeeper {
  readonly #run: StateReader;
  readonly #settings: RunSettings;
  readonly #plan: CheckpointPlan | undefined;
  /** Whether a state takes no longer to read than an event may. */
  readonly isSmall: boolean;
  #fingerprint: Fingerprint | undefined;
  #newest: Checkpoint | undefined;
  #reading: Promise<unknown> | undefined;
  #saving: Promise<unknown> | undefined;
  #savedStep: number;
  #savedMs = performance.now();
  #nextMs = 0;

  constructor(run: StateReader, settings: RunSettings, floats: number, plan: CheckpointPlan | undefined) {
    this.#run = run;
    this.#settings = settings;
    this.#plan = plan;
    this.isSmall = floats <= readAtOnce;
    this.#savedStep = settings.resume?.step ?? 0;
  }

  get newest(): Checkpoint | undefined {
    return this.#newest && this.#withFingerprint(this.#newest);
  }

  /** The newest without its fingerprint. */
  get unmarked(): Checkpoint | undefined {
    return this.#newest;
  }

  /** The device was lost, and another continues after `step` steps: what was due since then may not have come. */
  goOn(step: number): void {
    this.#savedStep = step;
  }

  #withFingerprint(state: Checkpoint): Checkpoint {
    this.#fingerprint ??= fingerprintOf(this.#settings);
    return { ...state, fingerprint: this.#fingerprint };
  }

  #keep(state: Checkpoint): void {
    if (isGood(state.nonFiniteSteps) && state.step >= (this.#newest?.step ?? 0)) this.#newest = state;
  }

  /** Keeps the state after `step` steps; @returns where members stopped. */
  async keep(step: number): Promise<Float64Array> {
    if (this.isSmall) {
      const state = await this.#run.readCheckpoint(step);
      this.#keep(state);
      return state.nonFiniteSteps;
    }
    if (this.#reading === undefined && performance.now() >= this.#nextMs) this.#startReading(step);
    return this.#run.readNonFinite();
  }

  /** The parameters were rewritten after `step` steps: the state has them, or is read once more, however large it is. */
  async rewrite(step: number, anew: Required<Pick<Checkpoint, "parameters" | "trainer">>): Promise<void> {
    await this.#reading;
    if (this.#newest?.step === step) {
      const parameters = this.#newest.parameters.slice() as FloatArray; // in the precision of the device
      parameters.set(anew.parameters);
      this.#newest = { ...this.#newest, parameters, trainer: anew.trainer };
      return;
    }
    this.#keep(await this.#run.readCheckpoint(step));
  }

  #startReading(step: number): void {
    const startMs = performance.now();
    const reading = this.#run.readCheckpoint(step).then(
      (state) => this.#keep(state),
      () => {}, // a lost GPU, which the steps tell of
    );
    this.#reading = reading.then(() => {
      const now = performance.now();
      this.#nextMs = now + readingShare * (now - startMs);
      this.#reading = undefined;
    });
  }

  /** Where a training ends before its last step, its state is kept in any case. */
  async keepLast(step: number): Promise<void> {
    if (this.isSmall || this.#newest?.step === step) return;
    await this.#reading;
    this.#startReading(step);
    await this.#reading;
  }

  /** The step before which a state is due, at most `last`. */
  nextStep(step: number, last: number): number {
    const { eventSteps } = this.#plan?.interval ?? {};
    return eventSteps === undefined ? last : Math.min(last, step + eventSteps - (step % eventSteps));
  }

  /** Hands out the state after `step` steps, if it is due; waits for the one before to be saved, and throws what went wrong with it. */
  async saveIfDue(step: number): Promise<void> {
    if (!this.#plan || step === this.#savedStep) return;
    const { save, interval } = this.#plan;
    const { eventSteps, eventMs } = interval;
    if (eventSteps ? step % eventSteps !== 0 : performance.now() - this.#savedMs < eventMs) return;
    await this.#saving;
    this.#savedStep = step;
    this.#savedMs = performance.now();
    const reading = this.#run.readCheckpoint(step);
    const handedOut = async (state: Checkpoint | undefined): Promise<void> => {
      if (state) this.#keep(state);
      if (state && isGood(state.nonFiniteSteps)) await save(this.#withFingerprint(state));
    };
    if (this.isSmall) this.#saving = handedOut(await reading);
    else this.#saving = reading.catch(() => undefined).then(handedOut); // the steps report a lost GPU
    this.#saving.catch(() => {}); // it is thrown where it is awaited
  }

  /** Waits until all checkpoints passed to `save` are saved. */
  async saved(): Promise<void> {
    await this.#saving;
  }
}
