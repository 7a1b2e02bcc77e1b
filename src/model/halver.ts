import type { Checkpoint, FloatArray, HalvingState } from "../backend/executor.ts";
import { type HalvingRule, rankedBy, type Rung, rungsName } from "./halving.ts";
import { monitorName, valuesOf } from "./monitor.ts";
import type { JudgedPlace, MemberStopper, Validation } from "./memberStopper.ts";
import { withResults } from "./resultParameters.ts";

/** How successive halving went, at the last event. */
export interface HalvingResult {
  /** By step, then by bracket. */
  readonly rungs: readonly Rung[];
  /** Bracket of each member, [members]; all 0 without Hyperband. */
  readonly bracketOf: Uint32Array;
  /** Step of the rung at which a member was stopped, [members]; −1 where it trained to the end or diverged. */
  readonly stoppedSteps: Float64Array;
  /** Steps that led to the parameters that each member has, [members]. */
  readonly steps: Float64Array;
  /** Steps of members that were computed, in all. */
  readonly memberSteps: number;
}

/** Compares members at the rungs of successive halving, and stops those that do not continue: they keep the parameters that they have there. */
export class Halver implements MemberStopper {
  readonly #place: JudgedPlace;
  readonly #rule: HalvingRule;
  readonly #stoppedSteps: Float64Array;
  #judgedStep: number;

  constructor(rule: HalvingRule, place: JudgedPlace, resumed?: HalvingState) {
    this.#place = place;
    this.#rule = rule;
    this.#stoppedSteps = resumed?.stoppedSteps.slice() ?? new Float64Array(rule.bracketOf.length).fill(-1);
    this.#judgedStep = resumed?.judgedStep ?? 0;
  }

  isStopped(member: number): boolean {
    return this.#stoppedSteps[member] !== -1;
  }

  /** @param step the last one that was validated */
  resultAt(step: number, nonFiniteSteps: Float64Array): HalvingResult {
    const { rungs, bracketOf } = this.#rule;
    return {
      rungs,
      bracketOf,
      stoppedSteps: this.#stoppedSteps.slice(),
      steps: this.#stoppedSteps.map((stopped, member) => {
        if (stopped >= 0) return stopped;
        const nonFinite = nonFiniteSteps[member]!;
        return nonFinite >= 0 ? nonFinite : step;
      }),
      memberSteps: this.#place.run.memberSteps,
    };
  }

  nextStep(step: number): number {
    return this.#rule.rungs.find((rung) => rung.step > step)?.step ?? Infinity;
  }

  isDue(step: number): boolean {
    return step > this.#judgedStep && this.#rule.rungs.some((rung) => rung.step === step);
  }

  snapshot(): (finalLosses: FloatArray) => { readonly halving: HalvingState } {
    const { factor, totalSteps } = this.#rule;
    const [monitor, rungs] = [monitorName(this.#rule), rungsName(this.#rule)];
    const own = { judgedStep: this.#judgedStep, stoppedSteps: this.#stoppedSteps.slice() };
    const state = { monitor, factor, totalSteps, rungs, ...own };
    return (finalLosses) => ({ halving: { ...state, finalLosses } });
  }

  async resume(state: Checkpoint): Promise<void> {
    const stopped = Array.from(this.#stoppedSteps.keys()).filter((member) => this.isStopped(member));
    if (stopped.length > 0) await this.#place.run.halt(stopped, state);
  }

  /** Step of the rung at which a member was stopped; undefined where it continued. */
  stepOf(member: number): number | undefined {
    return this.isStopped(member) ? this.#stoppedSteps[member] : undefined;
  }

  async judge(validation: Validation): Promise<Validation | undefined> {
    const { step, judged, scores } = validation;
    const rungs = this.#rule.rungs.filter((rung) => rung.step === step);
    const out = rungs.flatMap((rung) => this.#worst(rung, validation));
    this.#judgedStep = step;
    for (const member of out) this.#stoppedSteps[member] = step;
    const leaving = judged.filter((member) => this.isStopped(member));
    if (leaving.length === 0) return undefined;
    const { run, averaged } = this.#place;
    const state = withResults(validation.state ?? (await run.readCheckpoint(step)), averaged, leaving);
    await run.halt(leaving, state, scores);
    averaged.showState(state);
    return { step, judged: judged.filter((member) => !this.isStopped(member)), scores, state };
  }

  /**
   * Members of a bracket that do not continue from a rung. Those that early stopping has stopped hold their places as long as they are among
   * the best, by what they end with; those that have diverged are none of them.
   */
  #worst({ bracket, kept }: Rung, { judged, scores }: Validation): number[] {
    const { bracketOf, metric, mode } = this.#rule;
    const { stopped } = this.#place.run;
    const isOwn = (member: number): boolean => bracketOf[member] === bracket && !this.isStopped(member);
    const own = [...judged, ...stopped].filter(isOwn);
    return rankedBy(valuesOf(scores, metric), own, mode).slice(kept);
  }
}
