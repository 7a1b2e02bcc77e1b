import { NonFinite } from "../errors.ts";
import { concatenate, type Executor, type FloatArray, type TrainingRun } from "../executor.ts";
import { nextTask } from "../nextTask.ts";
import { evaluateOutputs, type Evaluation } from "./metrics.ts";
import type { TrainPlan } from "./options.ts";

/** What a training run tells while it goes on. */
export interface Progress {
  /** Steps done. */
  readonly step: number;
  /** Steps to do in all. */
  readonly steps: number;
  /** Epochs done, a fraction within one. */
  readonly epoch: number;
  /** Mean over the steps since the last event and over replicas whose numbers are finite. */
  readonly loss: number;
  /** Loss before each step since the last event [steps, replicas]. */
  readonly losses: FloatArray;
  /** Scores on the validation rows, where there are any. */
  readonly validation: Evaluation | undefined;
  /** Replicas whose numbers stopped being finite. */
  readonly diverged: number;
  /** Since the last event. */
  readonly stepsPerSecond: number;
  readonly elapsedMs: number;
  readonly etaMs: number;
}

/** Parameters as they were after a step, on the host. */
export interface Snapshot {
  /** Steps done. */
  readonly step: number;
  /** [replicas, parameterCount]. */
  readonly parameters: FloatArray;
}

/** Time of one unit of steps between two looks at the signal. */
const unitMs = 50;
/** Events by time wait for so many times what the last one cost, so that scoring never takes more than a tenth. */
const eventShare = 9;
/** Largest set of parameters that is kept on the host as the last good state. */
const snapshotFloats = 2 ** 22;

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
  readonly #executor: Executor;
  readonly #run: TrainingRun;
  readonly #plan: TrainPlan;
  #step = 0;
  #unitSteps = 1;
  #unread = 0; // first step whose loss has not been read
  #losses: FloatArray[] = [];
  #startMs = 0;
  #eventMs = 0;
  #eventStep = 0;
  #eventCostMs = 0;
  #lastGood: Snapshot | undefined;

  constructor(executor: Executor, run: TrainingRun, plan: TrainPlan) {
    this.#executor = executor;
    this.#run = run;
    this.#plan = plan;
  }

  /** Parameters at the last event whose numbers were finite; undefined for models too large to copy at each. */
  get lastGood(): Snapshot | undefined {
    return this.#lastGood;
  }

  /** @throws the signal's reason, after the unit under way and an event that tells its last step; NonFinite when every replica has diverged */
  async *events(): AsyncGenerator<Progress, void, undefined> {
    const { totalSteps } = this.#plan;
    await this.#keepGood();
    this.#startMs = this.#eventMs = performance.now();
    while (this.#step < totalSteps) {
      await this.#untilEvent();
      if (this.#step > this.#eventStep) yield await this.#event();
      if (this.#step < totalSteps) this.#plan.signal?.throwIfAborted();
    }
  }

  /** Steps until the next event is due. */
  async #untilEvent(): Promise<void> {
    const { eventSteps, eventMs, totalSteps, signal } = this.#plan;
    const last = eventSteps ? Math.min(totalSteps, this.#step + eventSteps - (this.#step % eventSteps)) : totalSteps;
    while (this.#step < last) {
      await nextTask();
      if (signal?.aborted) return;
      await this.#unit(Math.min(this.#unitSteps, last - this.#step));
      const dueMs = Math.max(eventMs, eventShare * this.#eventCostMs);
      if (!eventSteps && performance.now() - this.#eventMs >= dueMs) return;
    }
  }

  async #unit(count: number): Promise<void> {
    const units = Math.min(count, this.#run.ringSteps);
    if (this.#step + units - this.#unread > this.#run.ringSteps) await this.#readLosses();
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
    const losses = concatenate(this.#losses.splice(0));
    const diverged = await this.#checkFinite();
    const { validation } = this.#plan;
    const nowMs = performance.now();
    const done = this.#step - this.#eventStep;
    const progress = {
      step: this.#step,
      steps: this.#plan.totalSteps,
      epoch: this.#step / this.#plan.perEpoch,
      loss: meanLoss(losses),
      losses,
      validation: validation && (await this.#evaluate(validation.inputs, validation.targets)),
      diverged,
      stepsPerSecond: (1000 * done) / Math.max(nowMs - this.#eventMs, 1e-3),
      elapsedMs: nowMs - this.#startMs,
      etaMs: ((nowMs - this.#startMs) / this.#step) * (this.#plan.totalSteps - this.#step),
    };
    this.#eventMs = performance.now();
    this.#eventCostMs = this.#eventMs - startMs;
    this.#eventStep = this.#step;
    return progress;
  }

  async #evaluate(inputs: FloatArray, targets: FloatArray): Promise<Evaluation> {
    return evaluateOutputs(this.#executor.network, await this.#executor.predict(inputs), targets);
  }

  async #keepGood(): Promise<void> {
    const { network, replicas } = this.#executor;
    if (replicas * network.parameterCount > snapshotFloats) return;
    this.#lastGood = { step: this.#step, parameters: await this.#executor.readParameters() };
  }

  /** Counts replicas that diverged; when all have, goes back to the last good parameters and throws. */
  async #checkFinite(): Promise<number> {
    const steps = await this.#run.readNonFinite();
    const diverged = steps.filter((step) => step >= 0);
    if (diverged.length === 0) await this.#keepGood();
    if (diverged.length < steps.length) return diverged.length;
    const first = diverged.reduce((least, step) => Math.min(least, step));
    const good = this.#lastGood;
    if (good) this.#executor.writeParameters(good.parameters);
    const state = good ? `; the model is back at step ${good.step}` : "";
    throw new NonFinite({
      place: `train: step ${first}`,
      expected: "finite gradients, loss and parameters",
      got: "an infinite value or NaN: training diverged",
      fix: `lower learningRate (it is ${this.#plan.settings.optimizer.learningRate}) or standardise the data${state}`,
    });
  }
}
