import type { FloatArray, PlateauState } from "../backend/executor.ts";
import { monitorName } from "./monitor.ts";
import type { PlateauRule } from "./reduceOnPlateau.ts";

/** Where learning rates were reduced, one value of each list for every reduction, in order. */
export interface Reductions {
  /** After this many steps. */
  readonly steps: Float64Array;
  readonly members: Float64Array;
  /** What the member's learning rate is multiplied by from then on. */
  readonly factors: Float64Array;
}

/** How the learning rates of a training were reduced. */
export interface PlateauResult {
  /** What the learning rate of each member is multiplied by at the end, [members]; 1 where it was never reduced. */
  readonly factors: Float64Array;
  readonly reductions: Reductions;
}

/** Learning rates of members after so many steps. @param rates without reductions, [members] */
export function reducedRates(rates: ArrayLike<number>, { steps, members, factors }: Reductions, step: number) {
  const reduced = Float64Array.from(rates);
  for (const [at, own] of steps.entries()) if (own <= step) reduced[members[at]!] = rates[members[at]!]! * factors[at]!;
  return reduced;
}

/** Reduces learning rates of members at validations as PyTorch's ReduceLROnPlateau does, as a factor of each one's rate. */
export class Plateaus {
  readonly #rule: PlateauRule;
  readonly #factors: Float64Array;
  readonly #bestValues: Float64Array;
  readonly #waits: Float64Array;
  readonly #cooldowns: Float64Array;
  #judgedStep: number;
  readonly #steps: number[];
  readonly #members: number[];
  readonly #reduced: number[];

  constructor(rule: PlateauRule, members: number, resumed?: PlateauState) {
    const all = (value: number): Float64Array => new Float64Array(members).fill(value);
    this.#rule = rule;
    this.#bestValues = resumed?.bestValues.slice() ?? all(rule.mode === "max" ? -Infinity : Infinity);
    this.#waits = resumed?.waits.slice() ?? all(0);
    this.#cooldowns = resumed?.cooldowns.slice() ?? all(0);
    this.#judgedStep = resumed?.judgedStep ?? 0;
    this.#steps = Array.from(resumed?.reducedSteps ?? []);
    this.#members = Array.from(resumed?.reducedMembers ?? []);
    this.#reduced = Array.from(resumed?.reducedFactors ?? []);
    this.#factors = all(1);
    for (const [at, member] of this.#members.entries()) this.#factors[member] = this.#reduced[at]!;
  }

  /** What the learning rate of each member is multiplied by. */
  get factors(): Float64Array {
    return this.#factors.slice();
  }

  get result(): PlateauResult {
    const { reducedSteps: steps, reducedMembers: members, reducedFactors: factors } = this.#lists;
    return { factors: this.factors, reductions: { steps, members, factors } };
  }

  get #lists() {
    return {
      reducedSteps: Float64Array.from(this.#steps),
      reducedMembers: Float64Array.from(this.#members),
      reducedFactors: Float64Array.from(this.#reduced),
    };
  }

  get state(): PlateauState {
    return {
      monitor: monitorName(this.#rule),
      bestValues: this.#bestValues.slice(),
      waits: this.#waits.slice(),
      cooldowns: this.#cooldowns.slice(),
      judgedStep: this.#judgedStep,
      ...this.#lists,
    };
  }

  nextStep(step: number): number {
    const { everySteps } = this.#rule;
    return step + everySteps - (step % everySteps);
  }

  isDue(step: number): boolean {
    return step % this.#rule.everySteps === 0 && step > this.#judgedStep;
  }

  #isBetter(value: number, best: number): boolean {
    const { mode, threshold, thresholdMode } = this.#rule;
    const sign = mode === "max" ? 1 : -1;
    const least = thresholdMode === "rel" ? best * (1 + sign * threshold) : best + sign * threshold;
    return mode === "max" ? value > least : value < least;
  }

  /**
   * Judges members after a step.
   * @param values of all members @param rates without reductions, [members]
   * @returns whether a factor has changed
   */
  judge(
    step: number,
    judged: readonly number[],
    { values, rates }: { readonly values: FloatArray; readonly rates: ArrayLike<number> },
  ): boolean {
    const before = this.#steps.length;
    this.#judgedStep = step;
    for (const member of judged) {
      const value = values[member]!;
      if (this.#isBetter(value, this.#bestValues[member]!)) {
        this.#bestValues[member] = value;
        this.#waits[member] = 0;
      } else this.#waits[member]!++;
      if (this.#cooldowns[member]! > 0) {
        this.#cooldowns[member]!--;
        this.#waits[member] = 0;
      }
      if (this.#waits[member]! > this.#rule.patience) this.#reduce(step, member, rates[member]!);
    }
    return this.#steps.length > before;
  }

  #reduce(step: number, member: number, rate: number): void {
    const { factor, minLearningRate, epsilon, cooldown } = this.#rule;
    this.#cooldowns[member] = cooldown;
    this.#waits[member] = 0;
    const old = rate * this.#factors[member]!;
    const reduced = Math.max(old * factor, minLearningRate);
    if (!(old - reduced > epsilon)) return;
    this.#factors[member] = reduced === minLearningRate ? minLearningRate / rate : this.#factors[member]! * factor;
    this.#steps.push(step);
    this.#members.push(member);
    this.#reduced.push(this.#factors[member]!);
  }
}
