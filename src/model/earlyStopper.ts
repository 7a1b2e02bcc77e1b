import type { Checkpoint, EarlyStoppingState, FloatArray } from "../backend/executor.ts";
import type { StoppingRule } from "./earlyStopping.ts";
import type { JudgedPlace, MemberStopper, Validation } from "./memberStopper.ts";
import { pickAll, putAll } from "./memberRows.ts";
import { withResults } from "./resultParameters.ts";
import { type MemberScores, monitorName, valuesOf } from "./monitor.ts";

/** How early stopping went for each member, [members]. */
export interface StoppingResult {
  /** Steps after which a member was stopped; −1 where it continued to the end, or diverged. */
  readonly stoppedSteps: Float64Array;
  /** Steps after which its metric was best, and that value; −1 and infinite where it never was a number. */
  readonly bestSteps: Float64Array;
  readonly bestValues: Float64Array;
  /** Steps that led to the parameters that each member has at the end. */
  readonly steps: Float64Array;
  /** Steps of members that were computed, in all. */
  readonly memberSteps: number;
}

/** Judges members at validations as Keras' EarlyStopping does, keeps their best parameters, and stops them. */
export class EarlyStopper implements MemberStopper {
  readonly #place: JudgedPlace;
  readonly #rule: StoppingRule;
  readonly #bestValues: Float64Array;
  readonly #bestSteps: Float64Array;
  readonly #waits: Float64Array;
  readonly #stoppedSteps: Float64Array;
  #judgedStep: number;
  #bestParameters: FloatArray | undefined;
  /** Whether a reported state has the best parameters: they are copied before they change. */
  #isTold = false;
  /** Scores of members at their best, of those that were best since this training began, or was resumed. */
  #bestScores: MemberScores | undefined;
  readonly #hasBestScores: Uint8Array;

  constructor(rule: StoppingRule, place: JudgedPlace, resumed?: EarlyStoppingState) {
    const all = (value: number): Float64Array => new Float64Array(place.members).fill(value);
    this.#place = place;
    this.#rule = rule;
    this.#bestValues = resumed?.bestValues.slice() ?? all(rule.mode === "max" ? -Infinity : Infinity);
    this.#bestSteps = resumed?.bestSteps.slice() ?? all(-1);
    this.#waits = resumed?.waits.slice() ?? all(0);
    this.#stoppedSteps = resumed?.stoppedSteps.slice() ?? all(-1);
    this.#judgedStep = resumed?.judgedStep ?? 0;
    if (resumed && resumed.bestParameters.length > 0) this.#bestParameters = resumed.bestParameters.slice();
    this.#hasBestScores = new Uint8Array(place.members);
  }

  async resume(state: Checkpoint): Promise<void> {
    const stopped = this.#membersWhere((member) => this.isStopped(member));
    if (stopped.length > 0) await this.#place.run.halt(stopped, state);
  }

  #membersWhere(isOne: (member: number) => boolean): number[] {
    return Array.from({ length: this.#place.members }, (_, member) => member).filter(isOne);
  }

  isStopped(member: number): boolean {
    return this.#stoppedSteps[member] !== -1;
  }

  nextStep(step: number): number {
    const { everySteps } = this.#rule;
    return step + everySteps - (step % everySteps);
  }

  isDue(step: number): boolean {
    return step % this.#rule.everySteps === 0 && step > this.#judgedStep;
  }

  /** @param stepOf the step whose parameters a member has that early stopping has not stopped */
  resultAt(stepOf: (member: number) => number): StoppingResult {
    return {
      stoppedSteps: this.#stoppedSteps.slice(),
      bestSteps: this.#bestSteps.slice(),
      bestValues: this.#bestValues.slice(),
      steps: this.#stoppedSteps.map((stopped, member) => {
        const best = this.#rule.restoreBest ? this.#bestSteps[member]! : -1;
        if (best >= 0) return best;
        return stopped >= 0 ? stopped : stepOf(member);
      }),
      memberSteps: this.#place.run.memberSteps,
    };
  }

  snapshot(): (finalLosses: FloatArray) => { readonly earlyStopping: EarlyStoppingState } {
    this.#isTold = true;
    const state = {
      monitor: monitorName(this.#rule),
      bestValues: this.#bestValues.slice(),
      bestSteps: this.#bestSteps.slice(),
      waits: this.#waits.slice(),
      stoppedSteps: this.#stoppedSteps.slice(),
      judgedStep: this.#judgedStep,
      bestParameters: this.#bestParameters ?? new Float32Array(0),
    };
    return (finalLosses) => ({ earlyStopping: { ...state, finalLosses } });
  }

  #isBetter(value: number, best: number): boolean {
    const { mode, minDelta } = this.#rule;
    return mode === "max" ? value - minDelta > best : value + minDelta < best;
  }

  async judge(validation: Validation): Promise<Validation | undefined> {
    const { step, judged, scores, state } = validation;
    const { patience, restoreBest, everySteps } = this.#rule;
    const improved = this.#compare(validation);
    this.#judgedStep = step;
    if (restoreBest && improved.length > 0) {
      await this.#keep(improved, state);
      this.#keepScores(improved, scores);
    }
    const isOut = (member: number): boolean => this.#waits[member]! >= Math.max(1, patience);
    const stopping = step > everySteps ? judged.filter(isOut) : []; // the first validation stops nobody
    return stopping.length > 0 ? this.#stop(stopping, validation) : undefined;
  }

  /** @returns members that are better than they ever were */
  #compare({ step, judged, scores }: Validation): number[] {
    const values = valuesOf(scores, this.#rule.metric);
    const improved = judged.filter((member) => this.#isBetter(values[member]!, this.#bestValues[member]!));
    for (const member of judged) this.#waits[member]!++;
    for (const member of improved) {
      this.#waits[member] = 0;
      this.#bestValues[member] = values[member]!;
      this.#bestSteps[member] = step;
    }
    return improved;
  }

  /** Keeps the parameters of members. */
  async #keep(members: readonly number[], state: Checkpoint | undefined): Promise<void> {
    const { run, averaged } = this.#place;
    const now = state ? averaged.resultOf(state) : await run.readParameters();
    const own = this.#bestParameters;
    const best = own && !this.#isTold ? own : ((own ?? now).slice() as FloatArray);
    this.#isTold = false;
    this.#bestParameters = best;
    this.#put(best, now, members);
  }

  #keepScores(members: readonly number[], scores: MemberScores): void {
    this.#bestScores ??= putAll(scores, this.#of, [], scores);
    for (const [name, values] of Object.entries(this.#bestScores) as [keyof MemberScores, FloatArray | undefined][])
      for (const member of members) if (values) values[member] = scores[name]![member]!;
    for (const member of members) this.#hasBestScores[member] = 1;
  }

  /** How values that each member has one of lie in an array. */
  get #of() {
    return { members: this.#place.members, parameterCount: Infinity };
  }

  /** Scores with those that members have at their best. @returns undefined where they are not known */
  #scoresOf(stopped: readonly number[], scores: MemberScores): MemberScores | undefined {
    const restored = this.#rule.restoreBest ? stopped.filter((member) => this.#bestSteps[member]! >= 0) : [];
    if (restored.some((member) => this.#hasBestScores[member] === 0)) return undefined;
    if (restored.length === 0) return scores;
    return putAll(scores, this.#of, restored, pickAll(this.#bestScores!, this.#of, restored));
  }

  /** Copies rows of members. */
  #put(into: FloatArray, from: FloatArray, members: readonly number[]): void {
    const width = into.length / this.#place.members;
    for (const member of members) into.set(from.subarray(member * width, (member + 1) * width), member * width);
  }

  async #stop(members: readonly number[], validation: Validation): Promise<Validation> {
    const { step, judged, scores, state: known } = validation;
    const { run, averaged } = this.#place;
    const before = known ?? (await run.readCheckpoint(step));
    for (const member of members) this.#stoppedSteps[member] = step;
    const state = withResults(before, averaged, members);
    this.#restoreInto(state.parameters, members);
    const restored = this.#scoresOf(members, scores);
    await run.halt(members, state, restored);
    averaged.showState(state);
    const left = judged.filter((member) => !this.isStopped(member));
    return { step, judged: left, scores: restored ?? (await run.score()), state };
  }

  #restoreInto(parameters: FloatArray, members: readonly number[]): void {
    const known = members.filter((member) => this.#bestSteps[member]! >= 0);
    if (this.#rule.restoreBest && this.#bestParameters) this.#put(parameters, this.#bestParameters, known);
  }

  /** What all members end with, [members, parameterCount]. */
  async finalParameters(): Promise<FloatArray> {
    const parameters = (await this.#place.run.readParameters()).slice() as FloatArray;
    this.#restoreInto(
      parameters,
      this.#membersWhere(() => true),
    );
    return parameters;
  }
}
