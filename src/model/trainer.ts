import { NonFinite } from "../errors.ts";
import {
  concatenate,
  type FloatArray,
  type MemberResults,
  type RunSettings,
  type TrainingRun,
  type Checkpoint,
} from "../backend/executor.ts";
import { isOfDevice, mostKept, type RecoveringExecutor } from "../backend/recoveringExecutor.ts";
import { nextTask } from "../nextTask.ts";
import { evaluate, type Evaluation } from "./metrics.ts";
import {
  requireControls,
  type EventInterval,
  eventIntervalOf,
  type TrainingControls,
  type TrainPlan,
} from "./options.ts";
import type { Recovery } from "./recovery.ts";

/** What a training run tells while it goes on. */
export interface Progress {
  /** Steps done. */
  readonly step: number;
  /** Steps to do in all. */
  readonly steps: number;
  /** Epochs done, a fraction within one. */
  readonly epoch: number;
  /** Mean of those of `losses` that are finite. */
  readonly loss: number;
  /**
   * Loss before each step since the last event [steps, members]. Of more than 1,024 members only the newest steps are told,
   * as many as 2²² losses hold.
   */
  readonly losses: FloatArray;
  /** Scores on the validation rows, where there are any. */
  readonly validation: Evaluation | undefined;
  /** Members whose numbers stopped being finite: they have stopped, and the others go on. */
  readonly diverged: number;
  /** Where the device was lost since the last event, and the training went back to that on another one. */
  readonly recovered: Recovery | undefined;
  /** Since the last event. */
  readonly stepsPerSecond: number;
  readonly elapsedMs: number;
  readonly etaMs: number;
}

/** Time of one unit of steps between two looks at the signal. */
const unitMs = 50;
/** Events by time wait for so many times what the last one cost, so that scoring never takes more than a tenth. */
const eventShare = 9;
/** Times that a training goes back to the same event: by then every kind of device has been tried. */
const mostRecoveries = 8;
/** Most members whose every loss is read. To read all of more would take longer than the steps, and soon all memory. */
const mostMembersTold = 1024;

function meanLoss(losses: FloatArray): number {
  let sum = 0;
  let count = 0;
  for (const loss of losses) {
    if (!Number.isFinite(loss)) continue;
    sum += loss;
    count++;
  }
  return count === 0 ? Number.NaN : sum / count;
}

/** One training run from its first step to its last: units of steps, then an event, again and again. */
export class Trainer {
  readonly #executor: RecoveringExecutor;
  #run: TrainingRun;
  readonly #plan: TrainPlan;
  #settings: RunSettings;
  #interval: EventInterval;
  #rhythmStep: number; // events by steps are counted from here
  readonly #firstStep: number;
  #step: number;
  #unitSteps = 1;
  #unread: number; // first step whose loss has not been read
  #losses: FloatArray[] = [];
  #startMs = 0;
  #eventMs = 0;
  #eventStep: number;
  #eventCostMs = 0;
  #checkpoint: Checkpoint | undefined;
  #results: MemberResults | undefined;
  #recovered: Recovery | undefined;
  /** Recoveries since the last event. */
  #recoveries = 0;
  #isDisposed = false;

  constructor(executor: RecoveringExecutor, run: TrainingRun, plan: TrainPlan) {
    this.#executor = executor;
    this.#run = run;
    this.#plan = plan;
    this.#settings = plan.settings;
    this.#interval = plan.eventInterval;
    this.#firstStep = plan.settings.resume?.step ?? 0;
    this.#step = this.#rhythmStep = this.#unread = this.#eventStep = this.#firstStep;
  }

  /** Where the training stood at the last event whose numbers were finite; undefined for models too large to copy at each. */
  get checkpoint(): Checkpoint | undefined {
    return this.#checkpoint;
  }

  /** How it went for each member; undefined while it goes on, and where the GPU or the model was lost. */
  get results(): MemberResults | undefined {
    return this.#results;
  }

  /** @throws the signal's reason, after the unit under way and an event that tells its last step; NonFinite when every member has diverged */
  async *events(): AsyncGenerator<Progress, void, TrainingControls | undefined> {
    try {
      yield* this.#untilDone();
      this.#results = await this.#run.readResults();
    } finally {
      this.#results ??= await this.#resultsSoFar();
    }
  }

  /** After an abort, a loop left early or a failure, which is thrown by itself: a lost GPU has no results. */
  async #resultsSoFar(): Promise<MemberResults | undefined> {
    try {
      return await this.#run.readResults();
    } catch {
      return undefined;
    }
  }

  async *#untilDone(): AsyncGenerator<Progress, void, TrainingControls | undefined> {
    const { totalSteps } = this.#plan;
    await this.#recovering(() => this.#keepFirst());
    this.#startMs = this.#eventMs = performance.now();
    while (this.#step < totalSteps) {
      const progress = await this.#recovering(() => this.#nextEvent());
      if (progress) this.#steer(yield progress);
      if (this.#step < totalSteps) this.#plan.signal?.throwIfAborted();
    }
  }

  async #keepFirst(): Promise<void> {
    if (this.#keepsCheckpoint) this.#checkpoint = await this.#run.readCheckpoint(this.#step);
  }

  /** @returns nothing where an abort came before the first step */
  async #nextEvent(): Promise<Progress | undefined> {
    await this.#untilEvent();
    return this.#step > this.#eventStep ? this.#event() : undefined;
  }

  /** Does it again from the last event where the device is lost meanwhile. */
  async #recovering<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  /** Goes back to the last event, on another device. @throws the error where that cannot be */
  async #recover(error: unknown): Promise<void> {
    const state = this.#checkpoint ?? this.#settings.resume;
    const isFirst = this.#step === 0;
    if (!isOfDevice(error) || this.#isDisposed || !this.#executor.canRecover) throw error;
    if ((!state && !isFirst) || ++this.#recoveries > mostRecoveries) throw error;
    this.#plan.signal?.throwIfAborted();
    const lostMs = performance.now();
    const loss = { step: state?.step ?? 0, why: error.fault.got };
    this.#plan.onLost?.(loss);
    this.#run.dispose();
    this.#step = this.#unread = loss.step;
    this.#losses = [];
    if (state) this.#executor.writeParameters(state.parameters);
    const { resume: _, ...settings } = this.#settings;
    this.#run = await this.#executor.createRun(state ? { ...settings, resume: state } : settings);
    if (this.#isDisposed) this.#run.dispose();
    this.#recovered = { ...loss, device: this.#executor.device.name, ms: performance.now() - lostMs };
  }

  /** Frees the run: what is still under way ends by itself. */
  dispose(): void {
    this.#isDisposed = true;
    this.#run.dispose();
  }

  #steer(steering: TrainingControls | undefined): void {
    if (steering === undefined) return;
    requireControls(steering, this.#settings);
    const { logInterval, learningRate } = steering;
    if (logInterval !== undefined) {
      this.#interval = eventIntervalOf(logInterval, this.#plan.perEpoch);
      this.#rhythmStep = this.#step;
    }
    if (learningRate === undefined) return;
    this.#run.setLearningRate(learningRate);
    this.#settings = { ...this.#settings, optimizer: { ...this.#settings.optimizer, learningRate } };
  }

  /** Steps until the next event is due. */
  async #untilEvent(): Promise<void> {
    const { totalSteps, signal } = this.#plan;
    const { eventSteps, eventMs } = this.#interval;
    const since = this.#step - this.#rhythmStep;
    const last = eventSteps ? Math.min(totalSteps, this.#step + eventSteps - (since % eventSteps)) : totalSteps;
    while (this.#step < last) {
      await nextTask();
      if (signal?.aborted) return;
      await this.#unit(Math.min(Math.max(this.#unitSteps, this.#run.leastSteps), last - this.#step));
      const dueMs = Math.max(eventMs, eventShare * this.#eventCostMs);
      if (!eventSteps && performance.now() - this.#eventMs >= dueMs) return;
    }
  }

  async #unit(count: number): Promise<void> {
    const units = Math.min(count, this.#run.ringSteps);
    const firstKept = this.#step + units - this.#run.ringSteps;
    if (firstKept > this.#unread) {
      if (this.#executor.members > mostMembersTold) this.#unread = firstKept;
      else await this.#readLosses();
    }
    const startMs = performance.now();
    await this.#run.execute(this.#step, units);
    this.#step += units;
    const spentMs = performance.now() - startMs;
    this.#unitSteps = Math.max(1, Math.floor(units * Math.min(2, Math.max(0.25, unitMs / spentMs))));
  }

  async #readLosses(): Promise<void> {
    const count = this.#step - this.#unread;
    if (count > 0) this.#losses.push(await this.#run.readLosses(this.#unread, count));
    this.#unread = this.#step;
  }

  async #event(): Promise<Progress> {
    await this.#run.finished();
    const startMs = performance.now();
    await this.#readLosses();
    const parts = this.#losses.splice(0);
    const losses = parts.length === 1 ? parts[0]! : concatenate(parts);
    const { diverged, state } = await this.#checkFinite();
    const { validation } = this.#plan;
    const nowMs = performance.now();
    const done = this.#step - this.#eventStep;
    const progress = {
      step: this.#step,
      steps: this.#plan.totalSteps,
      epoch: this.#step / this.#plan.perEpoch,
      loss: meanLoss(losses),
      losses,
      validation: validation && (await evaluate(this.#executor, validation)),
      diverged,
      recovered: this.#recovered,
      stepsPerSecond: (1000 * done) / Math.max(nowMs - this.#eventMs, 1e-3),
      elapsedMs: nowMs - this.#startMs,
      etaMs: ((nowMs - this.#startMs) / (this.#step - this.#firstStep)) * (this.#plan.totalSteps - this.#step),
    };
    this.#commit(state);
    this.#eventMs = performance.now();
    this.#eventCostMs = this.#eventMs - startMs;
    this.#eventStep = this.#step;
    return progress;
  }

  /** From here on this is what a lost device goes back to. */
  #commit(state: Checkpoint | undefined): void {
    this.#checkpoint = state;
    if (state) this.#executor.keep(state.parameters);
    this.#recovered = undefined;
    this.#recoveries = 0;
  }

  get #keepsCheckpoint(): boolean {
    const { network, members } = this.#executor;
    return members * network.parameterCount <= mostKept;
  }

  /** Counts members that diverged; when all have, goes back to the last good parameters and throws. */
  async #checkFinite(): Promise<{ readonly diverged: number; readonly state: Checkpoint | undefined }> {
    const state = this.#keepsCheckpoint ? await this.#run.readCheckpoint(this.#step) : undefined;
    const steps = state?.nonFiniteSteps ?? (await this.#run.readNonFinite());
    const diverged = steps.filter((step) => step >= 0);
    if (diverged.length < steps.length) return { diverged: diverged.length, state };
    const { divergenceRemedy } = await import("./divergence.ts"); // a page downloads it when it has to tell
    const first = diverged.reduce((least, step) => Math.min(least, step));
    const good = this.#checkpoint;
    if (good) this.#executor.writeParameters(good.parameters);
    const back = good ? `; the model is back at step ${good.step}` : "";
    throw new NonFinite({
      place: `train: step ${first}`,
      expected: "finite gradients, loss and parameters",
      got: "an infinite value or NaN: training diverged",
      fix: `${divergenceRemedy(this.#settings, steps.length)}${back}`,
    });
  }
}
