import type { FloatArray } from "../backend/executor.ts";
import { InvalidInput, requireOptions } from "../errors.ts";
import { requireBoolean, requireInteger } from "../graph/network.ts";
import { orderKey, permute, streams } from "../random.ts";
import type { Monitor, MonitorOptions } from "./monitor.ts";

/**
 * Successive halving (Jamieson and Talwalkar 2016; Li et al. 2018): members are compared at rungs by a metric on the validation rows, the
 * best `1 / factor` of them continue, and the others are stopped. Rungs are at R / factorˢ, …, R / factor of the R steps of the training.
 */
export interface Halving extends MonitorOptions {
  /** One in `factor` members continues at a rung; the next rung comes after `factor` times the steps. Default 3, at least 2. */
  readonly factor?: number;
  /** No rung comes before so many steps; default: those of one epoch. */
  readonly minSteps?: number;
  /** The same in epochs, instead of `minSteps`. */
  readonly minEpochs?: number;
  /**
   * Hyperband: the members are dealt to brackets of successive halving that have their first rungs at R / factorˢ for s = s_max … 0, in the
   * proportions of Li et al.; members are compared within their bracket. Default: one bracket.
   */
  readonly hyperband?: boolean;
}

/** A time at which the members of a bracket are compared. */
export interface Rung {
  readonly bracket: number;
  /** Steps done by then. */
  readonly step: number;
  /** Members of the bracket that come to it, unless some have diverged. */
  readonly members: number;
  /** Members that continue. */
  readonly kept: number;
}

/** Successive halving with every default filled in. */
export interface HalvingRule extends Monitor {
  readonly factor: number;
  readonly totalSteps: number;
  /** By step, then by bracket. */
  readonly rungs: readonly Rung[];
  /** [members]. */
  readonly bracketOf: Uint32Array;
}

/** How a checkpoint calls rungs. */
export const rungsName = ({ rungs }: Pick<HalvingRule, "rungs">): string =>
  rungs.map(({ step, bracket, kept }) => `${step} ${bracket} ${kept}`).join(", ");

const place = "train: halving";
const known = ["factor", "minSteps", "minEpochs", "hyperband", "metric", "mode"];
const usualFactor = 3;

/** Members of each bracket of Hyperband, most rungs first: ⌈(s_max + 1) / (s + 1) · factorˢ⌉ for s = s_max … 0. */
const bracketSizes = (most: number, factor: number): number[] =>
  Array.from({ length: most + 1 }, (_, at) => Math.ceil(((most + 1) * factor ** (most - at)) / (most - at + 1)));

/** The largest s with factorˢ ≤ ratio. */
function largestPower(ratio: number, factor: number): number {
  let power = 0;
  while (factor ** (power + 1) <= ratio) power++;
  return power;
}

/**
 * How many members Hyperband has (Li et al. 2018, algorithm 1): 143 for a ratio of 81 and a factor of 3.
 * @param ratio steps of the training divided by those before the first rung, at least 1
 * @param factor as that of `Halving`
 * @throws InvalidInput
 */
export function hyperbandMembers(ratio: number, factor = usualFactor): number {
  requireInteger("hyperbandMembers: factor", factor, 2, 2 ** 20);
  if (!(ratio >= 1 && ratio <= 2 ** 48)) {
    const fix = "pass 81, for example";
    throw new InvalidInput({
      place: "hyperbandMembers: ratio",
      expected: "a number from 1 to 2⁴⁸",
      got: String(ratio),
      fix,
    });
  }
  return bracketSizes(largestPower(ratio, factor), factor).reduce((sum, size) => sum + size, 0);
}

/** Whole numbers in the proportions of `shares` whose sum is `total` (largest remainders; of equal ones the first). */
function dealt(total: number, shares: readonly number[]): number[] {
  const sum = shares.reduce((all, share) => all + share, 0);
  const counts = shares.map((share) => Math.floor((total * share) / sum));
  const rest = shares
    .map((share, at) => ({ at, left: (total * share) % sum }))
    .toSorted((a, b) => b.left - a.left || a.at - b.at);
  const missing = total - counts.reduce((all, count) => all + count, 0);
  for (const { at } of rest.slice(0, missing)) counts[at]!++;
  return counts;
}

export interface HalvingContext {
  /** By what members are compared. @throws InvalidInput */
  readonly monitor: () => Monitor;
  readonly members: number;
  readonly totalSteps: number;
  readonly perEpoch: number;
  readonly seed: number;
}

/** Steps before which no rung comes. */
function leastStepsOf({ minSteps, minEpochs }: Halving, { perEpoch, totalSteps }: HalvingContext): number {
  if (minSteps !== undefined && minEpochs !== undefined) {
    const fix = "leave one of them out";
    throw new InvalidInput({ place, expected: "minSteps or minEpochs", got: "both", fix });
  }
  if (minSteps !== undefined) requireInteger(`${place}: minSteps`, minSteps, 1, totalSteps);
  if (minEpochs !== undefined) requireInteger(`${place}: minEpochs`, minEpochs, 1, Math.ceil(totalSteps / perEpoch));
  return minSteps ?? (minEpochs ?? 1) * perEpoch;
}

/** Rungs of a bracket of so many members: the first at R / factor^power. */
function rungsOf(
  size: number,
  power: number,
  { factor, totalSteps, bracket }: Pick<HalvingRule, "factor" | "totalSteps"> & { readonly bracket: number },
): Rung[] {
  const rungs: Rung[] = [];
  for (let at = 0; at < power; at++) {
    const members = Math.max(1, Math.floor(size / factor ** at));
    const kept = Math.max(1, Math.floor(size / factor ** (at + 1)));
    const step = Math.floor(totalSteps / factor ** (power - at));
    if (kept < members) rungs.push({ bracket, step, members, kept });
  }
  return rungs;
}

/** How many members each bracket has, and how often it is halved. */
function bracketsOf(
  hyperband: boolean,
  { members, most, factor }: { readonly members: number; readonly most: number; readonly factor: number },
) {
  if (!hyperband) return [{ size: members, power: Math.min(most, largestPower(members, factor)) }];
  const sizes = dealt(members, bracketSizes(most, factor));
  return sizes.map((size, at) => ({ size, power: most - at }));
}

/** Bracket of each member, dealt in an order of the seed: a grid that lies in the order of members is spread over all brackets. */
function dealtBrackets(sizes: readonly number[], members: number, seed: number): Uint32Array {
  const key = orderKey(seed, streams.brackets, 0);
  const bracketOf = new Uint32Array(members);
  let at = 0;
  for (const [bracket, size] of sizes.entries())
    for (const end = at + size; at < end; at++)
      bracketOf[sizes.length === 1 ? at : permute(at, members, key)] = bracket;
  return bracketOf;
}

/**
 * Checks the option and lays out its rungs.
 * @throws InvalidInput
 */
export function halvingRule(options: Halving, context: HalvingContext): HalvingRule {
  requireOptions(place, options, known);
  const { factor = usualFactor, hyperband = false } = options;
  requireInteger(`${place}: factor`, factor, 2, 2 ** 20);
  requireBoolean(`${place}: hyperband`, hyperband);
  const { members, totalSteps, seed, monitor } = context;
  const least = leastStepsOf(options, context);
  const brackets = bracketsOf(hyperband, { members, most: largestPower(totalSteps / least, factor), factor });
  const rungs = brackets
    .flatMap(({ size, power }, bracket) => rungsOf(size, power, { factor, totalSteps, bracket }))
    .toSorted((a, b) => a.step - b.step || a.bracket - b.bracket);
  if (rungs.length === 0) {
    const expected = `at least ${factor} members, and ${factor} times as many steps as the ${least} before the first rung`;
    const fix = "train longer or more members, or lower minSteps";
    throw new InvalidInput({ place, expected, got: `${members} members, ${totalSteps} steps`, fix });
  }
  const sizes = brackets.map(({ size }) => size);
  return { ...monitor(), factor, totalSteps, rungs, bracketOf: dealtBrackets(sizes, members, seed) };
}

/**
 * Members in the order of their values, the best first; of equal ones the one with the lower number, and those without a number last.
 * @param values [members]
 */
export function rankedBy(values: FloatArray, members: readonly number[], mode: "min" | "max"): number[] {
  const sign = mode === "max" ? -1 : 1;
  const keyOf = (member: number): number => (Number.isNaN(values[member]) ? Infinity : sign * values[member]!);
  const compare = (a: number, b: number): number => {
    const [one, other] = [keyOf(a), keyOf(b)];
    if (one !== other) return one < other ? -1 : 1;
    const areNumbers = Number(Number.isNaN(values[a])) - Number(Number.isNaN(values[b]));
    return areNumbers || a - b;
  };
  return members.toSorted(compare);
}
