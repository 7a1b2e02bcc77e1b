import { InvalidInput } from "../errors.ts";
import { type Average, requireAverage } from "./average.ts";
import { Expression, maximum, minimum, sign, sqrt } from "./expression.ts";

// What a training does between a gradient and its optimizer, and behind it: clipping, penalties, which parameters decay, averages. All are
// expressions around those of the optimizer, so that every machine has them from here.

/** Which parameters weight decay moves: all, or weights and tables without biases, scales and shifts. */
export const decayGroups = ["all", "weights"] as const;
export type DecayGroup = (typeof decayGroups)[number];

/** What is done around an optimizer's update, in this order. */
export interface AroundUpdate {
  /** The gradient of a member is scaled down to this norm where it is longer: `torch.nn.utils.clip_grad_norm_`. */
  readonly clipNorm?: number | undefined;
  /** Each gradient is clamped to ± this: `torch.nn.utils.clip_grad_value_`. */
  readonly clipValue?: number | undefined;
  /** λ of the penalty λ · Σ |w| over weights and tables: λ · sign(w) is added to their gradients. */
  readonly l1?: number | undefined;
  readonly decay?: DecayGroup | undefined;
  readonly average?: Average | undefined;
}

/** Names with a blank are no names of an own optimizer. Numbers of a run, which `AroundUpdate` has the values of. */
const numberNames = { clipNorm: "clip norm", clipValue: "clip value", l1: "l1 penalty" } as const;
type NumberKey = keyof typeof numberNames;
const numberKeys = Object.keys(numberNames) as NumberKey[];

/** Inputs of an update that machines provide: 1 for weights and tables, else 0; what clipping by norm multiplies gradients by. */
export const isWeightInput = "is weight";
export const gradientScaleInput = "gradient scale";
/** Inputs of that scale: the sum of the squares of all gradients of a member times a unit, and the unit. */
export const squaresInput = "gradient squares";
export const unitInput = "gradient unit";
/** Given by the host for each step, and the state that it moves. */
export const averageRateInput = "average rate";
export const averageState = "average of parameters";

/** Numbers of a run that are set. */
export const numbersAround = (around: AroundUpdate | undefined): string[] =>
  around ? numberKeys.filter((key) => around[key] !== undefined).map((key) => numberNames[key]) : [];

/** The value of one of these numbers, or undefined where the name is none of them. */
export function numberAround(around: AroundUpdate | undefined, name: string): number | undefined {
  const key = numberKeys.find((own) => numberNames[own] === name);
  return key && around?.[key];
}

/** What differs between expressions around an update, as a text. */
export const shapeOf = (around: AroundUpdate | undefined): string =>
  [
    ...numbersAround(around),
    around?.decay === "weights" ? "decay weights" : "",
    around?.average ? "average" : "",
  ].join();

const smallestNormal = 2 ** -126;

/** Throws `InvalidInput` unless everything is in its range. */
export function requireAround(place: string, { decay, average, ...numbers }: AroundUpdate): void {
  for (const key of numberKeys) {
    const value = numbers[key];
    if (value === undefined || (typeof value === "number" && value >= smallestNormal && value < 3.4e38)) continue;
    const fix = "pass a number in that range, or leave it out";
    throw new InvalidInput({ place: `${place}: ${key}`, expected: "a number above 0", got: String(value), fix });
  }
  if (decay !== undefined && !decayGroups.includes(decay)) {
    const expected = decayGroups.map((name) => JSON.stringify(name)).join(" or ");
    throw new InvalidInput({ place: `${place}: decay`, expected, got: String(decay), fix: 'pass "weights"' });
  }
  if (average !== undefined) requireAverage(`${place}: average`, average);
}

/**
 * min(1, clipNorm / (norm + 1e-6)), as PyTorch has it. The unit is 1; where squares overflow, a machine adds up those of gradients in a smaller
 * unit instead.
 */
export function gradientScaleOf({ clipNorm }: AroundUpdate): Expression | undefined {
  if (clipNorm === undefined) return undefined;
  const unit = Expression.input(unitInput);
  const norm = sqrt(Expression.input(squaresInput)).plus(unit.times(1e-6));
  return minimum(1, Expression.input(numberNames.clipNorm).times(unit).over(norm));
}

/** The expressions of an update, the new parameter first, with what is around them; the average of parameters comes last. */
export function surrounded(outputs: readonly Expression[], around: AroundUpdate): readonly Expression[] {
  const { clipNorm, clipValue, l1, decay, average } = around;
  const isWeight = Expression.input(isWeightInput);
  let gradient = Expression.input("gradient");
  if (clipNorm !== undefined) gradient = gradient.times(Expression.input(gradientScaleInput));
  if (clipValue !== undefined) {
    const most = Expression.input(numberNames.clipValue);
    gradient = maximum(most.negated(), minimum(most, gradient));
  }
  if (l1 !== undefined) {
    const penalty = Expression.input(numberNames.l1).times(sign(Expression.input("parameter")));
    gradient = gradient.plus(penalty.times(isWeight));
  }
  const inputs = new Map([["gradient", gradient]]);
  if (decay === "weights") inputs.set("weightDecay", Expression.input("weightDecay").times(isWeight));
  const inside = outputs.map((output) => output.substitute(inputs));
  if (!average) return inside;
  const old = Expression.input(averageState);
  return [...inside, old.plus(Expression.input(averageRateInput).times(inside[0]!.minus(old)))];
}
