import type {
  AnyNetwork,
  Checkpoint,
  Model,
  NonFinite,
  PlanReport,
  Progress,
  StoppingResult,
  TrainingControls,
} from "../../index.ts";
import type { SessionSettings } from "./protocol.ts";
import { type KeptState, optionsFrom } from "./trainee.ts";

/** Share of the least loss that a state may be above and still count as good. */
const tolerance = 1.5;

/**
 * A model under training, any number of steps at a time. Counts steps over several trainings of the library, which each
 * begin at 0, and keeps what to go back to.
 */
export class Training {
  readonly model: Model<AnyNetwork>;
  readonly #settings: SessionSettings<unknown>;
  #generator: AsyncGenerator<Progress, void, TrainingControls | undefined> | undefined;
  #firstStep: number;
  #step: number;
  #learningRate: number;
  #pendingRate: number | undefined;
  #progress: Progress | undefined;
  /** Step of the library's training that it continued from where its device was lost last. */
  #recoveredStep: number | undefined;
  #hasStopped = false;
  #good: KeptState | undefined;
  /** What the next training of the library continues from. */
  #resume: Checkpoint | undefined;
  #best: (KeptState & { readonly loss: number }) | undefined;

  constructor(model: Model<AnyNetwork>, settings: SessionSettings<unknown>, good: KeptState | undefined) {
    this.model = model;
    this.#settings = settings;
    this.#good = good;
    this.#resume = settings.resume;
    this.#step = settings.firstStep ?? 0;
    this.#firstStep = this.#step - (settings.resume?.step ?? 0);
    this.#learningRate = settings.optimizer.learningRate;
  }

  get step(): number {
    return this.#step;
  }

  get epoch(): number {
    const rows = this.#settings.data.targets.length / this.model.network.outputs;
    return this.#step / Math.ceil(rows / Math.min(rows, this.#settings.batchSize));
  }

  get learningRate(): number {
    return this.#learningRate;
  }

  get progress(): Progress | undefined {
    return this.#progress;
  }

  /** Step that the training continued from where its device was lost; in between two trainings the present one. */
  get resumedAt(): number {
    return this.#recoveredStep === undefined ? this.#step : this.#firstStep + this.#recoveredStep;
  }

  /** At its last step, or stopped early. */
  get isFinished(): boolean {
    return this.#hasStopped || this.#step >= (this.#settings.lastStep ?? Number.POSITIVE_INFINITY);
  }

  get earlyStopping(): StoppingResult | undefined {
    const result = this.#generator && this.model.earlyStopping;
    if (!result) return undefined;
    const inSession = (steps: Float64Array): Float64Array =>
      steps.map((step) => (step < 0 ? step : this.#firstStep + step));
    const { stoppedSteps, bestSteps, steps } = result;
    return {
      ...result,
      stoppedSteps: inSession(stoppedSteps),
      bestSteps: inSession(bestSteps),
      steps: inSession(steps),
    };
  }

  /** As it was after the last event; undefined for models too large to keep it. */
  get good(): KeptState | undefined {
    return this.#good;
  }

  /** The current step of the training now, if that is kept. */
  get state(): Checkpoint | undefined {
    return this.#good?.step === this.#step ? this.#good.state : undefined;
  }

  plan(): Promise<PlanReport> {
    return this.model.plan(this.#settings.data, optionsFrom(this.#settings, this.#step));
  }

  setLearningRate(learningRate: number): void {
    this.#learningRate = learningRate;
    this.#pendingRate = learningRate;
  }

  /**
   * Takes so many steps, fewer where the training finishes before; early stopping has events on the way.
   * @throws as `train` of the library
   */
  async *advance(steps: number): AsyncGenerator<Progress> {
    const end = this.#step + steps;
    this.#recoveredStep = undefined;
    while (this.#step < end && !this.isFinished) {
      const left = end - this.#step;
      const { value, done } = await (this.#generator ? this.#goOn(left) : this.#begin(left));
      if (done || !value) return;
      this.#progress = value;
      this.#step = this.#firstStep + value.step;
      this.#recoveredStep = value.recovered?.step ?? this.#recoveredStep;
      this.#hasStopped = value.stopped > 0 && value.stopped + value.diverged === this.model.members;
      this.#keep(value.loss);
      yield value;
    }
  }

  #begin(steps: number): Promise<IteratorResult<Progress, void>> {
    const resume = this.#resume;
    this.#firstStep = this.#step - (resume?.step ?? 0);
    this.#pendingRate = undefined;
    const optimizer = { ...this.#settings.optimizer, learningRate: this.#learningRate };
    const options = { ...optionsFrom(this.#settings, this.#firstStep), optimizer, logInterval: { steps }, resume };
    this.#generator = this.model.train(this.#settings.data, options);
    return this.#generator.next();
  }

  #goOn(steps: number): Promise<IteratorResult<Progress, void>> {
    const learningRate = this.#pendingRate;
    this.#pendingRate = undefined;
    return this.#generator!.next({ logInterval: { steps }, ...(learningRate !== undefined && { learningRate }) });
  }

  #keep(loss: number): void {
    const { checkpoint } = this.model;
    if (!checkpoint) return;
    this.#good = { step: this.#firstStep + checkpoint.step, parameters: checkpoint.parameters, state: checkpoint };
    if (loss <= (this.#best?.loss ?? Number.POSITIVE_INFINITY) * tolerance) {
      this.#best = { ...this.#good, loss: Math.min(loss, this.#best?.loss ?? loss) };
    }
  }

  /** First step whose numbers were not finite: the library tells it in the place of the error, counted from its own start. */
  divergedAt(error: NonFinite): number {
    const [, step] = /step (\d+)$/.exec(error.fault.place) ?? [];
    return this.#firstStep + Number(step ?? 0);
  }

  /** After a divergence: to the newest state whose loss was near the least one, and a training of its own from there. */
  goBack(): void {
    const to = this.#best ?? this.#good;
    this.#generator = undefined;
    this.#progress = undefined;
    this.#resume = undefined; // momentum may be what led astray
    if (!to) return;
    this.model.writeParameters(to.parameters);
    this.#good = { ...to, state: undefined };
    this.#step = this.#firstStep = to.step;
  }

  dispose(): void {
    // A generator at rest holds the buffers of its run.
    this.#generator?.return().catch(() => {});
    this.model.dispose();
  }
}
