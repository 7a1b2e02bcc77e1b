import type { Checkpoint, EarlyStoppingState, FloatArray } from "../backend/executor.ts";
import type { AveragedParameters } from "./averagedParameters.ts";
import type { StoppingRule } from "./earlyStopping.ts";
import { type MemberScores, monitorName, valuesOf } from "./monitor.ts";
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

/** One validation of members, after `step` steps. */
export interface Validation {
  readonly step: number;
  /** Members that are judged by it. */
  readonly judged: readonly number[];
  readonly scores: MemberScores;
  /** Undefined where there are too many parameters to read at every event. */
  readonly state: Checkpoint | undefined;
}

/** Where members are trained and validated. */
interface Place {
  readonly run: PackedRun;
  readonly averaged: AveragedParameters;
  readonly members: number;
}

/** Judges members at validations as Keras' EarlyStopping does, keeps their best parameters, and stops them. */
export class EarlyStopper {
  readonly #place: Place;
  readonly #rule: StoppingRule;
  readonly #bestValues: Float64Array;
  readonly #bestSteps: Float64Array;
  readonly #waits: Float64Array;
  readonly #stoppedSteps: Float64Array;
  #bestParameters: FloatArray | undefined;

  constructor(rule: StoppingRule, place: Place, resumed?: EarlyStoppingState) {
    const all = (value: number): Float64Array => new Float64Array(place.members).fill(value);
    this.#place = place;
    this.#rule = rule;
    this.#bestValues = resumed?.bestValues.slice() ?? all(rule.mode === "max" ? -Infinity : Infinity);
    this.#bestSteps = resumed?.bestSteps.slice() ?? all(-1);
    this.#waits = resumed?.waits.slice() ?? all(0);
    this.#stoppedSteps = resumed?.stoppedSteps.slice() ?? all(-1);
    if (resumed && resumed.bestParameters.length > 0) this.#bestParameters = resumed.bestParameters.slice();
  }

  /** Stops those that had been stopped in the training that is resumed. */
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

  /** Members that were stopped. */
  get stopped(): number {
    return this.#stoppedSteps.reduce((count, step) => count + (step >= 0 ? 1 : 0), 0);
  }

  /** @param step the last one that was validated */
  resultAt(step: number): StoppingResult {
    return {
      stoppedSteps: this.#stoppedSteps.slice(),
      bestSteps: this.#bestSteps.slice(),
      bestValues: this.#bestValues.slice(),
      steps: this.#stoppedSteps.map((stopped, member) => {
        const best = this.#rule.restoreBest ? this.#bestSteps[member]! : -1;
        if (best >= 0) return best;
        return stopped >= 0 ? stopped : step;
      }),
      memberSteps: this.#place.run.memberSteps,
    };
  }

  /** @param judgedStep the last step after which members were judged */
  stateAt(judgedStep: number): Omit<EarlyStoppingState, "finalLosses"> {
    return {
      monitor: monitorName(this.#rule),
      bestValues: this.#bestValues.slice(),
      bestSteps: this.#bestSteps.slice(),
      waits: this.#waits.slice(),
      stoppedSteps: this.#stoppedSteps.slice(),
      judgedStep,
      bestParameters: this.#bestParameters ?? new Float32Array(0),
    };
  }

  #isBetter(value: number, best: number): boolean {
    const { mode, minDelta } = this.#rule;
    return mode === "max" ? value - minDelta > best : value + minDelta < best;
  }

  /**
   * Judges members, and stops those whose patience is at its end; the model then has what they end with.
   * @param isFirst whether no validation was before it: it stops nobody
   * @returns whether some were stopped
   */
  async judge(validation: Validation, isFirst: boolean): Promise<boolean> {
    const { judged, state } = validation;
    const { patience, restoreBest } = this.#rule;
    const improved = this.#compare(validation);
    if (restoreBest && improved.length > 0) await this.#keep(improved, state);
    const isOut = (member: number): boolean => this.#waits[member]! >= Math.max(1, patience);
    const stopping = isFirst ? [] : judged.filter(isOut);
    if (stopping.length > 0) await this.#stop(stopping, validation);
    return stopping.length > 0;
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

  /** Keeps the parameters of members. A state that was read before keeps its own. */
  async #keep(members: readonly number[], state: Checkpoint | undefined): Promise<void> {
    const { run, averaged } = this.#place;
    const now = state ? averaged.resultOf(state) : await run.readParameters();
    const best = (this.#bestParameters ?? now).slice() as FloatArray;
    this.#bestParameters = best;
    this.#put(best, now, members);
  }

  /** Copies rows of members. */
  #put(into: FloatArray, from: FloatArray, members: readonly number[]): void {
    const width = into.length / this.#place.members;
    for (const member of members) into.set(from.subarray(member * width, (member + 1) * width), member * width);
  }

  async #stop(members: readonly number[], { step, state: known }: Validation): Promise<void> {
    const { run, averaged } = this.#place;
    const state = known ?? (await run.readCheckpoint(step));
    for (const member of members) this.#stoppedSteps[member] = step;
    const parameters = state.parameters.slice() as FloatArray; // the state itself may be kept as it is
    this.#put(parameters, averaged.resultOf(state), members);
    this.#restoreInto(parameters, members);
    await run.halt(members, { ...state, parameters });
    averaged.showState({ ...state, parameters });
  }

  #restoreInto(parameters: FloatArray, members: readonly number[]): void {
    const known = members.filter((member) => this.#bestSteps[member]! >= 0);
    if (this.#rule.restoreBest && this.#bestParameters) this.#put(parameters, this.#bestParameters, known);
  }

  /** Gives all members the parameters that they end with. @returns their scores */
  async restore(): Promise<MemberScores> {
    const { run } = this.#place;
    const parameters = (await run.readParameters()).slice() as FloatArray;
    this.#restoreInto(
      parameters,
      this.#membersWhere(() => true),
    );
    return run.scoreAs(parameters);
  }
}
