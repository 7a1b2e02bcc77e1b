import type { Checkpoint, FloatArray, HalvingState, TrainerState } from "../backend/executor.ts";
import { type HalvingRule, rankedBy, type Rung } from "./halving.ts";
import type { Known, MemberStopper } from "./memberStopper.ts";
import { type Evaluation, evaluationOf } from "./metrics.ts";
import type { PackedRun } from "./packedRun.ts";

/** How successive halving went, at the last event. */
export interface HalvingResult {
  /** By step, then by bracket. */
  readonly rungs: readonly Rung[];
  /** Bracket of each member, [members]; all 0 without Hyperband. */
  readonly bracketOf: Uint32Array;
  /** Step of the rung from which a member did not go on, [members]; −1 where it went on to the end, or diverged. */
  readonly stoppedSteps: Float64Array;
  /** Steps that led to the parameters that each member has, [members]. */
  readonly steps: Float64Array;
  /** Steps of members that were computed, in all. */
  readonly memberSteps: number;
}

/** Compares members at the rungs of successive halving, and stops those that do not go on: they keep the parameters that they have there. */
export class Halver implements MemberStopper {
  readonly run: PackedRun;
  readonly #rule: HalvingRule;
  readonly #stoppedSteps: Float64Array;
  #nonFiniteSteps: Float64Array;
  #judgedStep: number;
  #step = 0;
  #isDone = false;

  constructor(rule: HalvingRule, run: PackedRun, resumed?: HalvingState) {
    const { length: members } = rule.bracketOf;
    this.run = run;
    this.#rule = rule;
    this.#stoppedSteps = resumed?.stoppedSteps.slice() ?? new Float64Array(members).fill(-1);
    this.#nonFiniteSteps = new Float64Array(members).fill(-1);
    this.#judgedStep = resumed?.judgedStep ?? 0;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  get stopped(): number {
    return this.#membersWhere((member) => this.#stoppedSteps[member]! >= 0).length;
  }

  get result(): HalvingResult {
    const { rungs, bracketOf } = this.#rule;
    return {
      rungs,
      bracketOf,
      stoppedSteps: this.#stoppedSteps.slice(),
      steps: this.#stoppedSteps.map((stopped, member) => {
        if (stopped >= 0) return stopped;
        const nonFinite = this.#nonFiniteSteps[member]!;
        return nonFinite >= 0 ? nonFinite : this.#step;
      }),
      memberSteps: this.run.memberSteps,
    };
  }

  #membersWhere(isOne: (member: number) => boolean): number[] {
    return Array.from(this.#stoppedSteps.keys()).filter(isOne);
  }

  #isGoing(member: number): boolean {
    return this.#stoppedSteps[member] === -1 && this.#nonFiniteSteps[member] === -1;
  }

  nextStep(step: number): number {
    return this.#rule.rungs.find((rung) => rung.step > step)?.step ?? Infinity;
  }

  snapshot(): (finalLosses: FloatArray) => TrainerState {
    const { factor, totalSteps } = this.#rule;
    const state = { factor, totalSteps, judgedStep: this.#judgedStep, stoppedSteps: this.#stoppedSteps.slice() };
    return (finalLosses) => ({ halving: { ...state, finalLosses } });
  }

  async resume(state: Checkpoint): Promise<void> {
    const stopped = this.#membersWhere((member) => this.#stoppedSteps[member]! >= 0);
    if (stopped.length > 0) await this.run.halt(stopped, state);
    if (state.step > this.#judgedStep) await this.judge(state.step, { nonFiniteSteps: state.nonFiniteSteps, state });
  }

  async judge(step: number, { nonFiniteSteps, state }: Known): Promise<Evaluation> {
    this.#nonFiniteSteps = nonFiniteSteps;
    const evaluation = evaluationOf(await this.run.score());
    const rungs = step > this.#judgedStep ? this.#rule.rungs.filter((rung) => rung.step === step) : [];
    const leaving = rungs.flatMap((rung) => this.#worst(rung, evaluation));
    if (leaving.length > 0) {
      const known = state ?? (await this.run.readCheckpoint(step));
      for (const member of leaving) this.#stoppedSteps[member] = step;
      await this.run.halt(leaving, known);
    } else await this.run.share(state?.parameters);
    this.#step = step;
    if (rungs.length > 0) this.#judgedStep = step;
    this.#isDone = this.#membersWhere((member) => this.#isGoing(member)).length === 0;
    return evaluation;
  }

  /** Members of a bracket that do not go on from a rung: those that have diverged are none of them. */
  #worst({ bracket, kept }: Rung, { losses, accuracies }: Evaluation): number[] {
    const { bracketOf, metric, mode } = this.#rule;
    const own = this.#membersWhere((member) => bracketOf[member] === bracket && this.#isGoing(member));
    return rankedBy(metric === "loss" ? losses : accuracies!, own, mode).slice(kept);
  }

  async restore(): Promise<Evaluation> {
    return evaluationOf(await this.run.scoreAs(await this.run.readParameters()));
  }
}
