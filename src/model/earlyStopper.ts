import type { Checkpoint, EarlyStoppingState, FloatArray, TrainerState } from "../backend/executor.ts";
import type { StoppingRule } from "./earlyStopping.ts";
import type { Known, MemberStopper } from "./memberStopper.ts";
import { type Evaluation, evaluationOf } from "./metrics.ts";
import type { PackedRun } from "./packedRun.ts";

/** How early stopping went for each member, [members]. */
export interface StoppingResult {
  /** Steps after which a member was stopped; −1 where it went on to the end, or diverged. */
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
  readonly run: PackedRun;
  readonly #rule: StoppingRule;
  readonly #members: number;
  readonly #bestValues: Float64Array;
  readonly #bestSteps: Float64Array;
  readonly #waits: Float64Array;
  readonly #stoppedSteps: Float64Array;
  #judgedStep: number;
  #bestParameters: FloatArray | undefined;
  #step = 0;
  #isDone = false;

  constructor(rule: StoppingRule, run: PackedRun, members: number, resumed?: EarlyStoppingState) {
    const all = (value: number): Float64Array => new Float64Array(members).fill(value);
    this.run = run;
    this.#rule = rule;
    this.#members = members;
    this.#bestValues = resumed?.bestValues.slice() ?? all(rule.mode === "max" ? -Infinity : Infinity);
    this.#bestSteps = resumed?.bestSteps.slice() ?? all(-1);
    this.#waits = resumed?.waits.slice() ?? all(0);
    this.#stoppedSteps = resumed?.stoppedSteps.slice() ?? all(-1);
    this.#judgedStep = resumed?.judgedStep ?? 0;
    if (resumed && resumed.bestParameters.length > 0) this.#bestParameters = resumed.bestParameters.slice();
  }

  async resume(state: Checkpoint): Promise<void> {
    const stopped = this.#membersWhere((member) => this.#stoppedSteps[member]! >= 0);
    if (stopped.length > 0) await this.run.halt(stopped, state);
    if (state.step > this.#judgedStep) await this.judge(state.step, { nonFiniteSteps: state.nonFiniteSteps, state });
  }

  #membersWhere(isOne: (member: number) => boolean): number[] {
    return Array.from({ length: this.#members }, (_, member) => member).filter(isOne);
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  nextStep(step: number): number {
    const { everySteps } = this.#rule;
    return step + everySteps - (step % everySteps);
  }

  get stopped(): number {
    return this.#stoppedSteps.reduce((count, step) => count + (step >= 0 ? 1 : 0), 0);
  }

  get result(): StoppingResult {
    return {
      stoppedSteps: this.#stoppedSteps.slice(),
      bestSteps: this.#bestSteps.slice(),
      bestValues: this.#bestValues.slice(),
      steps: this.#stoppedSteps.map((stopped, member) => {
        const best = this.#rule.restoreBest ? this.#bestSteps[member]! : -1;
        if (best >= 0) return best;
        return stopped >= 0 ? stopped : this.#step;
      }),
      memberSteps: this.run.memberSteps,
    };
  }

  snapshot(): (finalLosses: FloatArray) => TrainerState {
    const state = {
      bestValues: this.#bestValues.slice(),
      bestSteps: this.#bestSteps.slice(),
      waits: this.#waits.slice(),
      stoppedSteps: this.#stoppedSteps.slice(),
      judgedStep: this.#judgedStep,
      bestParameters: this.#bestParameters ?? new Float32Array(0),
    };
    return (finalLosses) => ({ earlyStopping: { ...state, finalLosses } });
  }

  /** Always where the outputs are, whatever the number of members: a member alone is judged by the same bits. */
  async #score(): Promise<Evaluation> {
    return evaluationOf(await this.run.score());
  }

  #isBetter(value: number, best: number): boolean {
    const { mode, minDelta } = this.#rule;
    return mode === "max" ? value - minDelta > best : value + minDelta < best;
  }

  /**
   * Judges members where it is time, and stops those whose patience is at its end.
   * @returns their scores, with the best parameters of those that have stopped
   */
  async judge(step: number, { nonFiniteSteps, state }: Known): Promise<Evaluation> {
    const isGoing = (member: number): boolean => this.#stoppedSteps[member] === -1 && nonFiniteSteps[member] === -1;
    const { everySteps, patience, restoreBest } = this.#rule;
    const evaluation = await this.#score();
    const judged = step % everySteps === 0 && step > this.#judgedStep ? this.#membersWhere(isGoing) : [];
    const improved = this.#compare(step, judged, evaluation);
    if (restoreBest && improved.length > 0) await this.#keep(improved, state);
    const isOut = (member: number): boolean => this.#waits[member]! >= Math.max(1, patience) && step > everySteps;
    const stopping = judged.filter(isOut);
    if (stopping.length > 0) await this.#stop(stopping, step, state);
    else await this.run.share(state?.parameters);
    this.#step = step;
    if (judged.length > 0) this.#judgedStep = step;
    this.#isDone = this.#membersWhere(isGoing).length === 0;
    return restoreBest && stopping.length > 0 ? this.#score() : evaluation;
  }

  /** @returns members that are better than they ever were */
  #compare(step: number, judged: readonly number[], { losses, accuracies }: Evaluation): number[] {
    const values = this.#rule.metric === "loss" ? losses : accuracies!;
    const improved = judged.filter((member) => this.#isBetter(values[member]!, this.#bestValues[member]!));
    for (const member of judged) this.#waits[member]!++;
    for (const member of improved) {
      this.#waits[member] = 0;
      this.#bestValues[member] = values[member]!;
      this.#bestSteps[member] = step;
    }
    return improved;
  }

  /** Keeps the parameters of members. A state that was read before keeps its own. */
  async #keep(members: readonly number[], state: Checkpoint | undefined): Promise<void> {
    const now = state?.parameters ?? (await this.run.readParameters());
    const best = (this.#bestParameters ?? now).slice() as FloatArray;
    this.#bestParameters = best;
    this.#put(best, now, members);
  }

  /** Copies rows of members. */
  #put(into: FloatArray, from: FloatArray, members: readonly number[]): void {
    const width = into.length / this.#members;
    for (const member of members) into.set(from.subarray(member * width, (member + 1) * width), member * width);
  }

  async #stop(members: readonly number[], step: number, known: Checkpoint | undefined): Promise<void> {
    const state = known ?? (await this.run.readCheckpoint(step));
    for (const member of members) this.#stoppedSteps[member] = step;
    const parameters = state.parameters.slice() as FloatArray; // the state itself may be kept as it is
    this.#restoreInto(parameters, members);
    await this.run.halt(members, { ...state, parameters });
  }

  #restoreInto(parameters: FloatArray, members: readonly number[]): void {
    const known = members.filter((member) => this.#bestSteps[member]! >= 0);
    if (this.#rule.restoreBest && this.#bestParameters) this.#put(parameters, this.#bestParameters, known);
  }

  async restore(): Promise<Evaluation> {
    const parameters = (await this.run.readParameters()).slice() as FloatArray;
    const all = this.#membersWhere(() => true);
    this.#restoreInto(parameters, all);
    return evaluationOf(await this.run.scoreAs(parameters));
  }
}
