import type { Checkpoint, EarlyStoppingState, FloatArray } from "../backend/executor.ts";
import type { StoppingRule } from "./earlyStopping.ts";
import { arrayLike } from "./memberRows.ts";
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

/** What is known of a training at an event. */
interface Judged {
  readonly step: number;
  readonly evaluation: Evaluation;
  /** Losses before the latest steps, [steps, members]. */
  readonly losses: FloatArray;
  readonly nonFiniteSteps: Float64Array;
  /** Undefined where there are too many parameters to read at every event. */
  readonly state: Checkpoint | undefined;
}

/** Judges members at validations as Keras' EarlyStopping does, keeps their best parameters, and stops them. */
export class EarlyStopper {
  readonly run: PackedRun;
  readonly #rule: StoppingRule;
  readonly #members: number;
  readonly #bestValues: Float64Array;
  readonly #bestSteps: Float64Array;
  readonly #waits: Float64Array;
  readonly #stoppedSteps: Float64Array;
  readonly #finalLosses: Float64Array;
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
    this.#finalLosses = resumed?.finalLosses.slice() ?? all(Number.NaN);
    if (resumed && resumed.bestParameters.length > 0) this.#bestParameters = resumed.bestParameters.slice();
  }

  /** Stops those that had been stopped in the training that is resumed. */
  async resume(state: Checkpoint | undefined): Promise<void> {
    const stopped = this.#membersWhere((member) => this.#stoppedSteps[member]! >= 0);
    if (state && stopped.length > 0)
      await this.run.halt(stopped, state, arrayLike(state.bestLosses, this.#members).map(this.#finalLossOf));
  }

  readonly #finalLossOf = (_: unknown, member: number): number => this.#finalLosses[member]!;

  #membersWhere(isOne: (member: number) => boolean): number[] {
    return Array.from({ length: this.#members }, (_, member) => member).filter(isOne);
  }

  /** Whether no member is left that goes on. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Members that were stopped. */
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

  get state(): EarlyStoppingState {
    return {
      bestValues: this.#bestValues.slice(),
      bestSteps: this.#bestSteps.slice(),
      waits: this.#waits.slice(),
      stoppedSteps: this.#stoppedSteps.slice(),
      finalLosses: this.#finalLosses.slice(),
      bestParameters: this.#bestParameters ?? new Float32Array(0),
    };
  }

  /** Always where the outputs are, whatever the number of members: a member alone is judged by the same bits. */
  async score(): Promise<Evaluation> {
    return evaluationOf(await this.run.score());
  }

  #isBetter(value: number, best: number): boolean {
    const { mode, minDelta } = this.#rule;
    return mode === "max" ? value - minDelta > best : value + minDelta < best;
  }

  /**
   * Judges members where it is time, and stops those whose patience is at its end.
   * @returns whether some were stopped, and have their best parameters back
   */
  async judge({ step, evaluation, losses, nonFiniteSteps, state }: Judged): Promise<boolean> {
    const isGoing = (member: number): boolean => this.#stoppedSteps[member] === -1 && nonFiniteSteps[member] === -1;
    this.#step = step;
    const { everySteps, patience, restoreBest } = this.#rule;
    const judged = step % everySteps === 0 ? this.#membersWhere(isGoing) : [];
    const improved = this.#compare(step, judged, evaluation);
    if (restoreBest && improved.length > 0) await this.#keep(improved, state);
    const isOut = (member: number): boolean => this.#waits[member]! >= Math.max(1, patience) && step > everySteps;
    const stopping = judged.filter(isOut);
    if (stopping.length > 0) await this.#stop(stopping, { step, losses, state });
    await this.run.share(state?.parameters);
    this.#isDone = this.#membersWhere(isGoing).length === 0;
    return restoreBest && stopping.length > 0;
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

  /** Keeps the parameters of members. A state told before keeps its own copy, if there is one: it is read at every event. */
  async #keep(members: readonly number[], state: Checkpoint | undefined): Promise<void> {
    const now = state?.parameters ?? (await this.run.readParameters());
    const best = state && this.#bestParameters ? this.#bestParameters.slice() : (this.#bestParameters ?? now.slice());
    this.#bestParameters = best;
    this.#put(best, now, members);
  }

  /** Copies rows of members. */
  #put(into: FloatArray, from: FloatArray, members: readonly number[]): void {
    const width = into.length / this.#members;
    for (const member of members) into.set(from.subarray(member * width, (member + 1) * width), member * width);
  }

  async #stop(
    members: readonly number[],
    { step, losses, state }: Pick<Judged, "step" | "losses" | "state">,
  ): Promise<void> {
    const all = state ?? (await this.run.readCheckpoint(step));
    const last = losses.slice(losses.length - this.#members);
    for (const member of members) {
      this.#stoppedSteps[member] = step;
      this.#finalLosses[member] = last[member]!;
    }
    this.#restoreInto(all.parameters, members);
    await this.run.halt(members, all, last);
  }

  #restoreInto(parameters: FloatArray, members: readonly number[]): void {
    const known = members.filter((member) => this.#bestSteps[member]! >= 0);
    if (this.#rule.restoreBest && this.#bestParameters) this.#put(parameters, this.#bestParameters, known);
  }

  /** The parameters that members end with, where that is another than those of the last step. */
  async restored(): Promise<FloatArray | undefined> {
    if (!this.#rule.restoreBest) return undefined;
    const parameters = (await this.run.readParameters()).slice() as FloatArray;
    this.#restoreInto(
      parameters,
      this.#membersWhere(() => true),
    );
    return parameters;
  }
}
