import { optimizersOf, withLearningRate } from "../backend/batches.ts";
import type { Checkpoint, RunSettings, TrainerState } from "../backend/executor.ts";
import type { AveragedParameters } from "./averagedParameters.ts";
import { EarlyStopper, type StoppingResult } from "./earlyStopper.ts";
import type { Judging } from "./judging.ts";
import { type Evaluation, evaluationOf } from "./metrics.ts";
import { type MemberScores, valuesOf } from "./monitor.ts";
import type { PackedRun } from "./packedRun.ts";
import { type PlateauResult, Plateaus } from "./plateaus.ts";

/** What is judged, and where it is computed. */
interface JudgedTraining {
  readonly run: PackedRun;
  readonly averaged: AveragedParameters;
  readonly settings: RunSettings;
  readonly members: number;
}

/** What is known of a training at an event. */
interface Known {
  readonly nonFiniteSteps: Float64Array;
  /** Undefined where there are too many parameters to read at every event. */
  readonly state: Checkpoint | undefined;
}

/** Scores members on the validation rows, and lets early stopping and reductions on plateaus judge them where it is time. */
export class Judge {
  readonly #training: JudgedTraining;
  readonly #stopper: EarlyStopper | undefined;
  readonly #plateaus: Plateaus | undefined;
  readonly #judging: Judging;
  #settings: RunSettings;
  #judgedStep: number;
  #step: number;
  #isDone = false;

  constructor(judging: Judging, training: JudgedTraining) {
    const { settings, members } = training;
    const { earlyStopping, reduceOnPlateau } = settings.resume?.trainer ?? {};
    const { stopping, plateau } = judging;
    this.#training = training;
    this.#judging = judging;
    this.#settings = settings;
    this.#stopper = stopping && new EarlyStopper(stopping, training, earlyStopping);
    this.#plateaus = plateau && new Plateaus(plateau, members, reduceOnPlateau);
    this.#step = settings.resume?.step ?? 0;
    this.#judgedStep = earlyStopping?.judgedStep ?? reduceOnPlateau?.judgedStep ?? 0;
  }

  /** Has the rates and the stopped members of the training that is resumed. @returns whether its state is still to be judged */
  async resume(state: Checkpoint): Promise<boolean> {
    this.#setRates();
    await this.#stopper?.resume(state);
    this.#look(state.nonFiniteSteps);
    return state.step > this.#judgedStep;
  }

  /** Whether no member is left that goes on. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Members that were stopped. */
  get stopped(): number {
    return this.#stopper?.stopped ?? 0;
  }

  get earlyStopping(): StoppingResult | undefined {
    return this.#stopper?.resultAt(this.#step);
  }

  get reduceOnPlateau(): PlateauResult | undefined {
    return this.#plateaus?.result;
  }

  /** Learning rates of the members, without the factor of a schedule; undefined where nothing reduces them. */
  get rates(): Float64Array | undefined {
    const factors = this.#plateaus?.factors;
    return factors && this.#bases.map((rate, member) => rate * factors[member]!);
  }

  get #bases(): Float64Array {
    const optimizers = optimizersOf(this.#settings, this.#training.members);
    return Float64Array.from(optimizers, ({ learningRate }) => learningRate);
  }

  /** Replaces the learning rate of all members, which reductions are factors of. */
  setLearningRate(learningRate: number): void {
    this.#settings = withLearningRate(this.#settings, learningRate);
    if (this.#plateaus) this.#setRates();
    else this.#training.run.setLearningRate(learningRate);
  }

  #setRates(): void {
    const { rates } = this;
    if (rates) this.#training.run.setLearningRate(rates);
  }

  /** Begins to read what a training that goes on has to know, as it is now. */
  async readState(): Promise<TrainerState> {
    const reduceOnPlateau = this.#plateaus?.stateAt(this.#judgedStep);
    const stopping = this.#stopper?.stateAt(this.#judgedStep);
    const { finalLosses } = stopping ? await this.#training.run.readResults() : {};
    return {
      ...(stopping && finalLosses && { earlyStopping: { ...stopping, finalLosses } }),
      ...(reduceOnPlateau && { reduceOnPlateau }),
    };
  }

  #isGoing(member: number, nonFiniteSteps: Float64Array): boolean {
    return nonFiniteSteps[member] === -1 && this.#stopper?.isStopped(member) !== true;
  }

  #look(nonFiniteSteps: Float64Array): void {
    this.#isDone = !nonFiniteSteps.some((_, member) => this.#isGoing(member, nonFiniteSteps));
  }

  /**
   * Judges members where it is time.
   * @returns their scores, with the best parameters of those that early stopping has stopped
   */
  async judge(step: number, { nonFiniteSteps, state }: Known): Promise<Evaluation> {
    const { everySteps } = this.#judging;
    const { run, averaged, members } = this.#training;
    const scores = await run.score();
    this.#step = step;
    const isDue = step % everySteps === 0 && step > this.#judgedStep;
    const all = Array.from({ length: members }, (_, member) => member);
    const judged = isDue ? all.filter((member) => this.#isGoing(member, nonFiniteSteps)) : [];
    if (judged.length > 0) this.#judgedStep = step;
    this.#reduce(step, judged, scores);
    const hasStopped = await this.#stopper?.judge({ step, judged, scores, state }, step <= everySteps);
    if (!averaged.isOn && !hasStopped) await run.share(state?.parameters);
    this.#look(nonFiniteSteps);
    return evaluationOf(hasStopped && this.#judging.stopping?.restoreBest ? await run.score() : scores);
  }

  #reduce(step: number, judged: readonly number[], scores: MemberScores): void {
    const { plateau } = this.#judging;
    if (!this.#plateaus || !plateau) return;
    const validation = { values: valuesOf(scores, plateau.metric), rates: this.#bases };
    if (this.#plateaus.judge(step, judged, validation)) this.#setRates();
  }

  /** Gives all members the parameters that they end with. @returns their scores, by default those that were judged */
  async restore(judged: Evaluation): Promise<Evaluation> {
    return this.#stopper ? evaluationOf(await this.#stopper.restore()) : judged;
  }
}
