import {
  type Executor,
  type FloatArray,
  type MemberResults,
  type RunSettings,
  type TrainingRun,
  type Checkpoint,
} from "../backend/executor.ts";
import { isOfDevice, type RecoveringExecutor, whyOf } from "../backend/recoveringExecutor.ts";
import { nextTask } from "../nextTask.ts";
import { optimizerAt } from "../math/scheduled.ts";
import { requireControls } from "./controls.ts";
import { CheckpointKeeper } from "./checkpointKeeper.ts";
import { EventClock } from "./eventClock.ts";
import { LossReader } from "./lossReader.ts";
import { meanLoss, type Progress } from "./progress.ts";
import { ResultParameters } from "./resultParameters.ts";
import type { StoppingResult } from "./earlyStopper.ts";
import { HistoryRecorder } from "./history.ts";
import type { HalvingResult } from "./halver.ts";
import type { Judge } from "./judge.ts";
import { evaluate, type Evaluation, mean, metricsOf } from "./metrics.ts";
import { eventIntervalOf, type TrainingControls, type TrainPlan } from "./options.ts";
import type { PackedRun } from "./packedRun.ts";
import type { PlateauResult } from "./plateaus.ts";
import { type Recovery, recovering } from "./recovery.ts";

/** Time of one unit of steps between two looks at the signal. */
const unitMs = 50;

/** One training run from its first step to its last: units of steps, then an event, again and again. */
export class Trainer {
  readonly #executor: RecoveringExecutor;
  readonly #open: (members: number) => Promise<Executor>;
  /** As the executor created it, and with what stops members around it. */
  #created: TrainingRun;
  #run: TrainingRun;
  #judge: Judge | undefined;
  #packed: PackedRun | undefined;
  readonly #plan: TrainPlan;
  #settings: RunSettings;
  readonly #clock: EventClock;
  readonly #firstStep: number;
  #step: number;
  #unitSteps = 1;
  readonly #losses: LossReader;
  /** What becomes of the training, event by event. */
  readonly recorder: HistoryRecorder;
  /** Parameters that were written since the last event. */
  #written: FloatArray | undefined;
  #startMs = 0;
  #eventStep: number;
  readonly #keeper: CheckpointKeeper;
  readonly #resultParameters: ResultParameters;
  #results: MemberResults | undefined;
  #good: Checkpoint | undefined;
  #newestLosses: FloatArray | undefined;
  #recovered: Recovery | undefined;
  #isPrepared = false;
  #isDisposed = false;

  /** Owns the run. @param open opens an executor of fewer members, which computes as the first does */
  constructor(
    executor: RecoveringExecutor,
    run: TrainingRun,
    plan: TrainPlan,
    open: (members: number) => Promise<Executor> = () => Promise.resolve(executor),
  ) {
    this.#executor = executor;
    this.#open = open;
    this.#run = this.#created = run;
    this.#plan = plan;
    this.#settings = plan.settings;
    const floats = executor.members * executor.network.parameterCount;
    const reader = {
      readCheckpoint: (step: number) => this.#readCheckpoint(step),
      readNonFinite: () => this.#run.readNonFinite(),
    };
    this.#keeper = new CheckpointKeeper(reader, plan.settings, floats, plan.checkpoint);
    this.#resultParameters = new ResultParameters(executor, reader, plan.settings);
    this.#firstStep = plan.settings.resume?.step ?? 0;
    this.#step = this.#eventStep = this.#firstStep;
    this.#clock = new EventClock(plan.eventInterval, this.#firstStep);
    const { perEpoch, history, settings } = plan;
    const { members } = executor;
    const resumed = settings.resume?.trainer?.history;
    this.recorder = new HistoryRecorder({ plan: history, perEpoch, members, firstStep: this.#firstStep, resumed });
    this.#losses = new LossReader({ run: () => this.#run, members, recorder: this.recorder }, this.#firstStep);
  }

  /** Where the training stood at the last event whose numbers were finite, or somewhat earlier where the model is large. */
  get checkpoint(): Checkpoint | undefined {
    return this.#keeper.newest;
  }

  /** Results of each member; undefined during training, and where the GPU or the model was lost. */
  get results(): MemberResults | undefined {
    return this.#results;
  }

  /** How early stopping went, at the last event; undefined without it. */
  get earlyStopping(): StoppingResult | undefined {
    return this.#judge?.earlyStopping;
  }

  /** How successive halving went, at the last event; undefined without it. */
  get halving(): HalvingResult | undefined {
    return this.#judge?.halving;
  }

  /** How learning rates were reduced, as of the last event; undefined without that option. */
  get reduceOnPlateau(): PlateauResult | undefined {
    return this.#judge?.reduceOnPlateau;
  }

  /** Frees the run; pending work ends by itself. */
  dispose(): void {
    this.#isDisposed = true;
    this.#run.dispose();
  }

  /** @throws the signal's reason, after the running unit and an event with its last step; NonFinite when every member has diverged */
  async *events(): AsyncGenerator<Progress, void, TrainingControls | undefined> {
    try {
      yield* this.#untilDone();
    } finally {
      this.#results = await this.#resultsSoFar();
    }
    this.#results ??= await this.#run.readResults(); // throws the reason why there are none
  }

  /** At the end, after an abort, a loop left early or a failure; where the device is gone by then, as the last event had it. */
  async #resultsSoFar(): Promise<MemberResults | undefined> {
    try {
      return await this.#run.readResults();
    } catch {
      const [state, finalLosses] = [this.#good, this.#newestLosses];
      if (!state || !finalLosses || !this.#keeper.isSmall) return undefined;
      const { bestLosses, bestSteps, nonFiniteSteps } = state;
      return { finalLosses, bestLosses, bestSteps, nonFiniteSteps };
    }
  }

  async *#untilDone(): AsyncGenerator<Progress, void, TrainingControls | undefined> {
    await this.#recovering(() => this.#prepare(this.#settings));
    this.#isPrepared = true;
    if (this.#isDone) yield await this.#recovering(() => this.#event());
    await this.#recovering(() => this.#keepFirst());
    this.#startMs = performance.now();
    this.#clock.start();
    while (!this.#isDone) {
      const progress = await this.#recovering(() => this.#nextEvent());
      if (progress) {
        const steering = yield progress;
        await this.#recovering(() => this.#takeOver());
        await this.#recovering(async () => this.#steer(steering));
      }
      if (this.#isDone) break;
      this.#resultParameters.hide();
      if (!this.#plan.signal?.aborted) continue;
      await this.#keeper.keepLast(this.#step);
      await this.#resultParameters.show(this.#step, this.#keeper.newest);
      throw this.#plan.signal.reason;
    }
    await this.#keeper.saved();
  }

  async #keepFirst(): Promise<void> {
    await this.#keeper.keep(this.#step);
    this.#good = this.#keeper.unmarked;
  }

  /** The parameters of the model were written: between two events, steps continue from them. */
  parametersWritten(parameters: FloatArray): void {
    this.#written = parameters;
  }

  /** Steps continue from parameters that were written since the last event; where averages are shown, from those that were trained. */
  async #takeOver(): Promise<void> {
    const written = this.#written;
    if (written && !this.#resultParameters.isOn && !this.#isDone) {
      const judged = await this.#judge?.readState(); // members were judged by those that they had
      const trainer = { ...judged, history: this.recorder.stateAt(this.#elapsedMs) };
      const parameters = this.#packed?.withStopped(written) ?? written;
      (this.#packed ?? this.#executor).writeParameters(parameters);
      await this.#keeper.rewrite(this.#step, { parameters, trainer });
      this.#good = this.#keeper.unmarked;
    }
    this.#written = undefined;
  }

  /** @returns nothing where an abort came before the first step */
  async #nextEvent(): Promise<Progress | undefined> {
    await this.#untilEvent();
    return this.#step > this.#eventStep ? this.#event() : undefined;
  }

  /** Does it again from the last event where the device is lost meanwhile. */
  #recovering<T>(work: () => Promise<T>): Promise<T> {
    const isOfDevice = (error: unknown): boolean => this.#isOfDevice(error);
    return recovering(work, { isOfDevice, recover: (error) => this.#recover(error) });
  }

  /** What a lost device goes back to: the last event, or where the model is large, what was read last. */
  get #state(): Checkpoint | undefined {
    return (this.#keeper.isSmall ? this.#good : this.#keeper.unmarked) ?? this.#settings.resume;
  }

  /** Whether a device was lost, this time or while something else was computed, and there is something to continue from. */
  #canGoOn(error: unknown, state: Checkpoint | undefined): boolean {
    if (this.#isDisposed || !this.#executor.recovers || !this.#isOfDevice(error)) return false;
    return state !== undefined || this.#step === 0;
  }

  #isOfDevice(error: unknown): boolean {
    return isOfDevice(error) || this.#executor.hasLeft(this.#created);
  }

  /** Goes back to the last event, on another device. @throws the error where that cannot be */
  async #recover(error: unknown): Promise<void> {
    const state = this.#state;
    if (!this.#canGoOn(error, state)) throw error;
    this.#plan.signal?.throwIfAborted();
    const lostMs = performance.now();
    const step = state?.step ?? 0;
    this.#step = step;
    this.#losses.goOn(Math.max(this.#step, this.#eventStep));
    const { resume: _, ...settings } = this.#settings;
    const own = state ? { ...settings, resume: state } : settings;
    this.#resultParameters.forget();
    this.#run.dispose();
    this.#run = this.#created = await this.#executor.goOn(this.#created, error, own);
    if (this.#isDisposed) this.#run.dispose();
    this.#keeper.goOn(this.#step);
    if (this.#isPrepared) await this.#prepare(own);
    const device = this.#executor.device.name;
    this.#recovered = {
      step,
      why: isOfDevice(error) ? whyOf(error) : this.#executor.why,
      device,
      ms: performance.now() - lostMs,
    };
  }

  get #isDone(): boolean {
    return this.#step >= this.#plan.totalSteps || this.#judge?.isDone === true;
  }

  async #prepare(settings: RunSettings): Promise<void> {
    await this.#prepareJudge(settings);
    await this.#catchUp(settings);
  }

  async #prepareJudge(settings: RunSettings): Promise<void> {
    const { judging, validation, metrics } = this.#plan;
    if (!judging || !validation) return;
    const { openJudge } = await import("./judge.ts");
    const [executor, open, averaged, run] = [this.#executor, this.#open, this.#resultParameters, this.#created];
    const opened = openJudge(judging, { executor, open, run, settings, averaged, validation, metrics });
    this.#run = this.#packed = averaged.of = opened.run;
    this.#judge = opened.judge;
    const { resume } = settings;
    if (!resume) return;
    await this.#judge.resume(resume);
  }

  /** What the event at the step of a checkpoint does after that is read: scores, judgement and the entry of the history. */
  async #catchUp({ resume }: RunSettings): Promise<void> {
    if (!resume || this.#isDone) return; // at the end there is an event
    if (this.#judge?.isDue(resume.step) !== true && !this.recorder.isDue(resume.step)) return;
    const learningRate = this.#learningRate();
    await this.#resultParameters.show(resume.step, resume);
    const validation = await this.#validate(resume.nonFiniteSteps, resume);
    this.#record({ learningRate, validation, elapsedMs: 0 });
    this.#resultParameters.hide();
  }

  #record(event: { learningRate: number; validation: Evaluation | undefined; elapsedMs: number }): void {
    const epoch = this.#step / this.#plan.perEpoch;
    this.recorder.addEvent({ step: this.#step, epoch, ...event }, this.#isDone);
  }

  #steer(steering: TrainingControls | undefined): void {
    if (steering === undefined) return;
    requireControls(steering, this.#settings);
    const { logInterval, learningRate } = steering;
    if (logInterval !== undefined) this.#clock.change(eventIntervalOf(logInterval, this.#plan.perEpoch), this.#step);
    if (learningRate === undefined) return;
    this.#settings = { ...this.#settings, optimizer: { ...this.#settings.optimizer, learningRate } };
    (this.#judge ?? this.#run).setLearningRate(learningRate);
  }

  /** Steps until the next event is due. */
  async #untilEvent(): Promise<void> {
    const { totalSteps, signal } = this.#plan;
    const next = this.#clock.nextStep(this.#step, totalSteps);
    const last = Math.min(totalSteps, next, this.#judge?.nextStep(this.#step) ?? next);
    while (this.#step < last) {
      await nextTask();
      if (signal?.aborted) return;
      const end = this.#keeper.nextStep(this.#step, last);
      await this.#unit(Math.min(Math.max(this.#unitSteps, this.#run.leastSteps), end - this.#step));
      await this.#keeper.saveIfDue(this.#step);
      if (this.#clock.isDue()) return;
    }
  }

  async #unit(count: number): Promise<void> {
    const units = Math.min(count, this.#run.ringSteps);
    await this.#losses.makeRoom(this.#step, units);
    const startMs = performance.now();
    await this.#run.execute(this.#step, units);
    this.#step += units;
    const spentMs = performance.now() - startMs;
    this.#unitSteps = Math.max(1, Math.floor(units * Math.min(2, Math.max(0.25, unitMs / spentMs))));
  }

  /** Since the first step of this training. */
  get #elapsedMs(): number {
    return this.#startMs === 0 ? 0 : performance.now() - this.#startMs;
  }

  async #event(): Promise<Progress> {
    await this.#run.finished();
    const startMs = performance.now();
    await this.#losses.read(this.#step);
    const losses = this.#losses.take();
    const nonFiniteSteps = await this.#checkFinite();
    const learningRate = this.#learningRate();
    const shown = await this.#resultParameters.show(this.#step, this.#keeper.newest);
    const state = shown ?? (this.#keeper.isSmall ? this.#keeper.newest : undefined);
    const validation = await this.#validate(nonFiniteSteps, state);
    this.#record({ learningRate, validation, elapsedMs: this.#elapsedMs });
    const done = this.#step - this.#eventStep;
    const progress = {
      step: this.#step,
      steps: this.#plan.totalSteps,
      epoch: this.#step / this.#plan.perEpoch,
      loss: meanLoss(losses),
      losses,
      learningRate,
      validation,
      diverged: nonFiniteSteps.filter((step) => step >= 0).length,
      stopped: this.#judge?.stopped ?? 0,
      recovered: this.#recovered,
      stepsPerSecond: (1000 * done) / Math.max(this.#clock.sinceMs, 1e-3),
      elapsedMs: this.#elapsedMs,
      etaMs: (this.#elapsedMs / Math.max(1, this.#step - this.#firstStep)) * (this.#plan.totalSteps - this.#step),
    };
    this.#commit(losses);
    this.#clock.told(startMs);
    this.#eventStep = this.#step;
    return progress;
  }

  #learningRate(): number {
    const { optimizer, perMember } = this.#settings;
    const rates = this.#judge?.rates ?? perMember?.learningRate;
    const base = rates ? { ...optimizer, learningRate: mean(rates) } : optimizer;
    return optimizerAt(base, this.#step - 1).learningRate;
  }

  /** The event is whole: from here on a lost device goes back to it. */
  #commit(losses: FloatArray): void {
    this.#good = this.#keeper.unmarked;
    this.#executor.cameFurther();
    this.#newestLosses = losses.slice(-this.#executor.members);
    this.#recovered = undefined;
  }

  /** Scores members on the validation rows, and judges them. @param state undefined where it takes long to read */
  async #validate(nonFiniteSteps: Float64Array, state: Checkpoint | undefined): Promise<Evaluation | undefined> {
    const { validation, metrics } = this.#plan;
    if (!this.#judge) return validation && (await evaluate(this.#executor, validation, metrics));
    const judged = await this.#judge.judge(this.#step, { nonFiniteSteps, state });
    const evaluation = this.#isDone ? await this.#judge.restore(judged) : judged;
    if (!evaluation || !metrics.metrics) return evaluation;
    return { ...evaluation, ...(await metricsOf(this.#executor, validation!, metrics)) };
  }

  /** A state of the run, with the state of the trainer. */
  async #readCheckpoint(step: number): Promise<Checkpoint> {
    // Those of now: steps may continue while the rest is read.
    const { recorder } = this;
    const history = this.#losses.read(this.#step).then(() => recorder.stateAt(this.#elapsedMs));
    const judging = this.#judge?.readState();
    const [state, judged, told] = await Promise.all([this.#run.readCheckpoint(step), judging, history]);
    return { ...state, trainer: { ...judged, history: told } };
  }

  /** @returns first step of each member that was not finite; when all have diverged, goes back to the last good parameters and throws */
  async #checkFinite(): Promise<Float64Array> {
    const steps = await this.#keeper.keep(this.#step);
    const diverged = steps.filter((step) => step >= 0);
    if (diverged.length < steps.length) {
      this.#executor.keep(this.#keeper.isSmall ? this.#keeper.unmarked?.parameters : undefined);
      return steps;
    }
    const first = diverged.reduce((least, step) => Math.min(least, step));
    const { divergenceError } = await import("./divergenceError.ts"); // a page downloads it only when needed
    const good = this.#keeper.newest;
    const state = good?.step === first ? good : await this.#run.readCheckpoint(this.#step);
    if (good) this.#executor.writeParameters(this.#resultParameters.resultOf(good));
    const { network } = this.#executor;
    throw divergenceError({ network, settings: this.#settings, nonFiniteSteps: steps, state, goodStep: good?.step });
  }
}
