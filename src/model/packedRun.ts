import { withLearningRate } from "../backend/batches.ts";
import { GpuOutOfMemory, LimitExceeded } from "../errors.ts";
import {
  type Checkpoint,
  type Executor,
  type FloatArray,
  type MemberResults,
  type RunSettings,
  type TrainingRun,
} from "../backend/executor.ts";
import type { MemberScores } from "./monitor.ts";
import { arrayLike, pickRows, putAll, putRows, settingsOf } from "./memberRows.ts";

/** A run on fewer members. */
interface Part {
  readonly executor: Executor;
  readonly run: TrainingRun;
}

/** What a run that may be packed is made of. */
export interface PackedRequest {
  /** Holds the parameters of all members, those that stopped included. */
  readonly executor: Executor;
  /** A run of it, which has done no step. */
  readonly run: TrainingRun;
  readonly settings: RunSettings;
  /** Opens an executor of fewer members, which computes as that of all does. */
  readonly open: (members: number) => Promise<Executor>;
  /** Scores the members of an executor. */
  readonly score: (executor: Executor) => Promise<MemberScores>;
  /** What the model is at a state: its averages, where the training keeps some. */
  readonly resultOf: (state: Checkpoint) => FloatArray;
  /** Stopped members are removed once at most this share of the computed members continues. */
  readonly packedShare: number;
}

/** −1 for members that were stopped: nothing of them was infinite. @param places member of each */
const told = (steps: Float64Array, places: readonly number[], stopped: ReadonlySet<number>): Float64Array =>
  steps.map((step, place) => (stopped.has(places[place]!) ? -1 : step));

/**
 * A training run of which members may be stopped. As soon as enough of those that are computed have stopped, or diverged, the others go
 * on in a run of their own, from the same parameters and moments to the same bits. Everything is reported with the indices of all members.
 */
export class PackedRun implements TrainingRun {
  readonly #request: PackedRequest;
  readonly #of: { readonly members: number; readonly parameterCount: number };
  #settings: RunSettings;
  #inner: Part;
  /** Member of each place of the run. */
  #places: readonly number[];
  /** Place of each member, [members]; −1 of those that are not computed. */
  readonly #placeOf: Int32Array;
  /** Members that were stopped. */
  readonly stopped = new Set<number>();
  /** Losses before the last step of those that have stopped, and of all when the last one did. */
  #finalLosses: FloatArray | undefined;
  /** Parameters of all members when the last ones stopped: those that have stopped end with theirs. */
  #halted: FloatArray | undefined;
  /** Readings of the run that are under way. */
  readonly #reading = new Set<Promise<Checkpoint>>();
  /** Whether steps have been done since members were packed. */
  #hasRun = false;
  /** All members when they were packed last: from then on those left out stay as they were. */
  #whole: { readonly state: Checkpoint; readonly result: FloatArray; readonly scores: MemberScores } | undefined;
  /** Steps of members that were computed, those of stopped ones included until the others were packed. */
  memberSteps = 0;

  constructor(request: PackedRequest) {
    const { executor, run, settings } = request;
    const { members, network } = executor;
    this.#request = request;
    this.#of = { members, parameterCount: network.parameterCount };
    this.#settings = settings;
    this.#inner = { executor, run };
    const { earlyStopping, halving } = settings.resume?.trainer ?? {};
    this.#finalLosses = (earlyStopping ?? halving)?.finalLosses;
    this.#placeOf = Int32Array.from({ length: members }, (_, member) => member);
    this.#places = Array.from(this.#placeOf);
  }

  get ringSteps(): number {
    return this.#inner.run.ringSteps;
  }

  get leastSteps(): number {
    return this.#inner.run.leastSteps;
  }

  async execute(firstStep: number, count: number): Promise<void> {
    await this.#inner.run.execute(firstStep, count);
    this.#hasRun = true;
    this.memberSteps += count * this.#places.length;
  }

  finished(): Promise<void> {
    return this.#inner.run.finished();
  }

  setLearningRate(learningRate: number | Float64Array): void {
    this.#settings = withLearningRate(this.#settings, learningRate);
    const isOne = typeof learningRate === "number";
    this.#inner.run.setLearningRate(isOne ? learningRate : pickRows(learningRate, this.#ofValues, this.#places));
  }

  /** Members that have stopped have losses of NaN. */
  async readLosses(firstStep: number, count: number): Promise<FloatArray> {
    const losses = await this.#inner.run.readLosses(firstStep, count);
    const { members } = this.#of;
    if (this.#places.length === members) return losses;
    const all = arrayLike(losses, count * members).fill(Number.NaN);
    return putRows(all, this.#ofValues, this.#places, losses);
  }

  /** How values that each member has one of lie in an array. */
  get #ofValues() {
    return { members: this.#of.members, parameterCount: Infinity };
  }

  async readNonFinite(): Promise<Float64Array> {
    const own = told(await this.#inner.run.readNonFinite(), this.#places, this.stopped);
    return this.#whole ? putRows(this.#whole.state.nonFiniteSteps, this.#of, this.#places, own) : own;
  }

  async readResults(): Promise<MemberResults> {
    const own = await this.#inner.run.readResults();
    const results = { ...own, nonFiniteSteps: told(own.nonFiniteSteps, this.#places, this.stopped) };
    const finalLosses = this.#finalLosses?.slice() ?? arrayLike(own.finalLosses, this.#of.members).fill(Number.NaN);
    const going = this.#places.flatMap((member, place) => (this.stopped.has(member) ? [] : [{ member, place }]));
    if (this.#hasRun) for (const { member, place } of going) finalLosses[member] = own.finalLosses[place]!;
    if (!this.#whole) return { ...results, finalLosses };
    const { bestLosses, bestSteps, nonFiniteSteps } = this.#whole.state;
    const before = { finalLosses, bestLosses, bestSteps, nonFiniteSteps };
    return { ...putAll(before, this.#of, this.#places, results), finalLosses };
  }

  /** Steps may continue, and members may be packed, while it is read. */
  async readCheckpoint(step: number): Promise<Checkpoint> {
    const [whole, places, stopped] = [this.#whole, this.#places, new Set(this.stopped)];
    const reading = this.#inner.run.readCheckpoint(step);
    this.#reading.add(reading);
    try {
      const own = await reading;
      const state = { ...own, nonFiniteSteps: told(own.nonFiniteSteps, places, stopped) };
      return whole ? putAll(whole.state, this.#of, places, state) : state;
    } finally {
      this.#reading.delete(reading);
    }
  }

  /** Replaces the parameters of those that are computed, and of all in the executor of all. @param parameters [members, parameterCount] */
  writeParameters(parameters: FloatArray): void {
    this.#inner.executor.writeParameters(pickRows(parameters, this.#of, this.#places));
    if (this.#whole) this.#request.executor.writeParameters(parameters);
  }

  /** These parameters [members, parameterCount], with what members end with that have stopped. */
  withStopped(parameters: FloatArray): FloatArray {
    const stopped = [...this.stopped];
    if (!this.#halted || stopped.length === 0) return parameters;
    return putRows(parameters, this.#of, stopped, pickRows(this.#halted, this.#of, stopped));
  }

  /** What the model is now [members, parameterCount]. */
  async readParameters(): Promise<FloatArray> {
    const own = await this.#inner.executor.readParameters();
    return this.#whole ? putRows(this.#whole.result, this.#of, this.#places, own) : own;
  }

  /** Scores of all members on the validation rows: of those left out, those that they had. */
  async score(): Promise<MemberScores> {
    const own = await this.#request.score(this.#inner.executor);
    return this.#whole ? putAll(this.#whole.scores, this.#of, this.#places, own) : own;
  }

  stop(members: readonly number[]): void {
    this.#inner.run.stop(members.map((member) => this.#placeOf[member]!).filter((place) => place >= 0));
    for (const member of members) this.stopped.add(member);
  }

  /**
   * Stops members, and packs the others where that is worth it.
   * @param state of all members at this step, with the parameters that those are to keep who stop
   * @param scores of all members with these parameters, where they are known
   */
  async halt(members: readonly number[], state: Checkpoint, scores?: MemberScores): Promise<void> {
    this.#finalLosses = (await this.readResults()).finalLosses;
    this.stop(members);
    this.#halted = state.parameters;
    const going = this.#places.filter((member) => !this.stopped.has(member) && state.nonFiniteSteps[member] === -1);
    const isWorthIt = going.length > 0 && going.length <= this.#request.packedShare * this.#places.length;
    if (!isWorthIt || !(await this.#pack(going, state, scores))) this.writeParameters(state.parameters);
  }

  /** @returns whether there was memory for both */
  async #pack(going: readonly number[], state: Checkpoint, scores: MemberScores | undefined): Promise<boolean> {
    const part = await this.#openPart(going, state);
    if (!part) return false;
    await Promise.allSettled(this.#reading);
    this.dispose();
    const { executor, score, resultOf } = this.#request;
    const result = resultOf(state);
    executor.writeParameters(result);
    this.#inner = part;
    this.#places = going;
    this.#placeOf.fill(-1);
    for (const [place, member] of going.entries()) this.#placeOf[member] = place;
    this.#hasRun = false;
    this.#whole = { state, result, scores: scores ?? (await score(executor)) };
    return true;
  }

  /** @returns undefined where memory does not hold both, and all continue as they are */
  async #openPart(going: readonly number[], state: Checkpoint): Promise<Part | undefined> {
    const { executor: whole, open } = this.#request;
    const { strategy } = await whole.planRun(this.#settings);
    const pinned = strategy === "reference" ? this.#settings : { ...this.#settings, strategy };
    const settings = settingsOf(pinned, this.#of, { chosen: going, resume: state });
    let executor: Executor | undefined;
    try {
      executor = await open(going.length);
      executor.writeParameters(settings.resume!.parameters);
      return { executor, run: await executor.createRun(settings) };
    } catch (error) {
      executor?.dispose();
      if (error instanceof GpuOutOfMemory || error instanceof LimitExceeded) return undefined;
      throw error;
    }
  }

  /** Gives all members these parameters at the end of the run. @returns their scores on the validation rows */
  scoreAs(parameters: FloatArray): Promise<MemberScores> {
    const { executor, score } = this.#request;
    executor.writeParameters(parameters);
    return score(executor);
  }

  /** Lets the executor of all members know the parameters of those that are packed. */
  async share(parameters?: FloatArray): Promise<void> {
    if (this.#whole) this.#request.executor.writeParameters(parameters ?? (await this.readParameters()));
  }

  dispose(): void {
    this.#inner.run.dispose();
    if (this.#inner.executor !== this.#request.executor) this.#inner.executor.dispose();
  }
}
