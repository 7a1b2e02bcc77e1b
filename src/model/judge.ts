import { optimizersOf, withLearningRate } from "../backend/batches.ts";
import type { Checkpoint, Dataset, RunSettings, TrainerState } from "../backend/executor.ts";
import { EarlyStopper, type StoppingResult } from "./earlyStopper.ts";
import { Halver, type HalvingResult } from "./halver.ts";
import type { Judging } from "./judging.ts";
import type { JudgedPlace, MemberStopper, Validation } from "./memberStopper.ts";
import { type Evaluation, evaluationOf } from "./metrics.ts";
import type { MetricOptions } from "./measure.ts";
import { type MemberScores, scoreMembers, valuesOf } from "./monitor.ts";
import { type PackedRequest, PackedRun } from "./packedRun.ts";
import { type PlateauResult, Plateaus } from "./plateaus.ts";
import type { ResultParameters } from "./resultParameters.ts";

/** What is judged, and where it is computed. */
interface JudgedTraining extends JudgedPlace {
  readonly settings: RunSettings;
}

/** What is known of a training at an event. */
interface Known {
  readonly nonFiniteSteps: Float64Array;
  /** Undefined where there are too many parameters to read at every event. */
  readonly state: Checkpoint | undefined;
}

/**
 * Scores members on the validation rows, and lets early stopping, successive halving and reductions on plateaus judge them where it is
 * time.
 */
export class Judge {
  readonly #training: JudgedTraining;
  readonly #stopper: EarlyStopper | undefined;
  readonly #halver: Halver | undefined;
  readonly #plateaus: Plateaus | undefined;
  readonly #judging: Judging;
  readonly #stoppers: readonly MemberStopper[];
  readonly #parts: readonly Pick<MemberStopper, "isDue" | "nextStep">[];
  #settings: RunSettings;
  #step: number;
  #nonFiniteSteps: Float64Array;
  #isDone = false;

  constructor(judging: Judging, training: JudgedTraining) {
    const { settings, members } = training;
    const { earlyStopping, halving, reduceOnPlateau } = settings.resume?.trainer ?? {};
    this.#training = training;
    this.#judging = judging;
    this.#settings = settings;
    this.#stopper = judging.stopping && new EarlyStopper(judging.stopping, training, earlyStopping);
    this.#halver = judging.halving && new Halver(judging.halving, training, halving);
    this.#plateaus = judging.plateau && new Plateaus(judging.plateau, members, reduceOnPlateau);
    this.#stoppers = [this.#stopper, this.#halver].filter((each) => each !== undefined);
    this.#parts = [...this.#stoppers, ...(this.#plateaus ? [this.#plateaus] : [])];
    this.#step = settings.resume?.step ?? 0;
    this.#nonFiniteSteps = settings.resume?.nonFiniteSteps ?? new Float64Array(members).fill(-1);
  }

  /** Has the rates and the stopped members of the training that is resumed. */
  async resume(state: Checkpoint): Promise<void> {
    this.#setRates();
    for (const stopper of this.#stoppers) await stopper.resume(state);
    this.#isDone = this.#going.length === 0;
  }

  /** The first step after `step` at which members are judged; infinite where there is none. */
  nextStep(step: number): number {
    return this.#parts.reduce((least, part) => Math.min(least, part.nextStep(step)), Infinity);
  }

  /** Whether members are still to be judged after these steps. */
  isDue(step: number): boolean {
    return this.#parts.some((part) => part.isDue(step));
  }

  #isStopped(member: number): boolean {
    return this.#stopper?.isStopped(member) === true || this.#halver?.isStopped(member) === true;
  }

  #membersWhere(isOne: (member: number) => boolean): number[] {
    const found: number[] = [];
    for (let member = 0; member < this.#training.members; member++) if (isOne(member)) found.push(member);
    return found;
  }

  /** Members that continue. */
  get #going(): number[] {
    return this.#membersWhere((member) => this.#nonFiniteSteps[member] === -1 && !this.#isStopped(member));
  }

  /** Whether all members have stopped. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Members that were stopped. */
  get stopped(): number {
    return this.#membersWhere((member) => this.#isStopped(member)).length;
  }

  get earlyStopping(): StoppingResult | undefined {
    return this.#stopper?.resultAt((member) => this.#halver?.stepOf(member) ?? this.#step);
  }

  get halving(): HalvingResult | undefined {
    const own = this.#halver?.resultAt(this.#step, this.#nonFiniteSteps);
    const stopping = this.earlyStopping;
    return own && stopping ? { ...own, steps: stopping.steps } : own;
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

  /** Starts reading the state that a resumed training needs, as it is now. */
  async readState(): Promise<TrainerState> {
    const reduceOnPlateau = this.#plateaus?.state;
    const snapshots = this.#stoppers.map((stopper) => stopper.snapshot());
    const plateau = reduceOnPlateau && { reduceOnPlateau };
    if (snapshots.length === 0) return { ...plateau };
    const { finalLosses } = await this.#training.run.readResults();
    return Object.assign({}, ...snapshots.map((withLosses) => withLosses(finalLosses)), plateau) as TrainerState;
  }

  /**
   * Judges members where it is time.
   * @returns their scores, with what those end with that were stopped; undefined where it is not time and nothing else asks
   */
  async judge(step: number, { nonFiniteSteps, state }: Known): Promise<Evaluation | undefined> {
    const { run, averaged } = this.#training;
    this.#nonFiniteSteps = nonFiniteSteps;
    this.#step = step;
    if (!this.#judging.scoresAll && !this.isDue(step)) {
      this.#isDone = this.#going.length === 0;
      if (!averaged.isOn) await run.share(state?.parameters);
      return undefined;
    }
    const scores = await run.score();
    const judged = this.#going;
    this.#reduce(step, judged, scores);
    const after = await this.#stop({ step, judged, scores, state });
    this.#isDone = this.#going.length === 0;
    if (!averaged.isOn && !after) await run.share(state?.parameters);
    return evaluationOf(after?.scores ?? scores);
  }

  /** @returns undefined where none was stopped */
  async #stop(validation: Validation): Promise<Validation | undefined> {
    let after: Validation | undefined;
    for (const stopper of this.#stoppers)
      if (stopper.isDue(validation.step)) after = (await stopper.judge(after ?? validation)) ?? after;
    return after;
  }

  #reduce(step: number, judged: readonly number[], scores: MemberScores): void {
    const { plateau } = this.#judging;
    if (!plateau || this.#plateaus?.isDue(step) !== true) return;
    const validation = { values: valuesOf(scores, plateau.metric), rates: this.#bases };
    if (this.#plateaus.judge(step, judged, validation)) this.#setRates();
  }

  /** Gives all members the parameters that they end with. @returns their scores, by default those that were judged */
  async restore(judged: Evaluation | undefined): Promise<Evaluation> {
    const { run } = this.#training;
    if (this.#stopper) return evaluationOf(await run.scoreAs(await this.#stopper.finalParameters()));
    if (this.#halver) return evaluationOf(await run.scoreAs(await run.readParameters()));
    return judged ?? evaluationOf(await run.score());
  }
}

/** A training whose members are to be judged. */
interface Judgeable extends Pick<PackedRequest, "executor" | "run" | "open" | "settings"> {
  readonly averaged: ResultParameters;
  readonly validation: Dataset;
  readonly metrics: MetricOptions;
}

/** The judge of a training, and its run, of which members may be stopped. */
export function openJudge(
  judging: Judging,
  { averaged, validation, metrics, ...training }: Judgeable,
): { judge: Judge; run: PackedRun } {
  const { executor, settings } = training;
  const monitored = { ...metrics, metrics: judging.metrics };
  const run = new PackedRun({
    ...training,
    score: (own) => scoreMembers(own, validation, monitored),
    resultOf: (state) => averaged.resultOf(state),
    packedShare: judging.halving ? 1 : 1 / 2, // rungs are few: packing at each is worth it
  });
  return { judge: new Judge(judging, { run, averaged, settings, members: executor.members }), run };
}
