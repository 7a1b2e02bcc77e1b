import { InvalidInput, requireOptions } from "../errors.ts";
import type { PerMember, RunSettings } from "../backend/executor.ts";
import { type Optimizer, takes } from "../math/optimizer.ts";
import { memberHyperParameters } from "../math/hyperParameters.ts";
import { mostStepValues } from "../math/optimizerUpdate.ts";
import { checkedSchedule, factorFunction, type Schedule, withLength } from "../math/schedule.ts";
import type { Factor, Factors, ScheduledName } from "../math/scheduled.ts";
import { updateValuesOf } from "../math/updateValues.ts";

/** A schedule, or a function of the steps done that gives a factor of the base value. */
type OneSchedule = Schedule | ((step: number) => number);

/** A schedule of the learning rate, or of any of the three. */
export type ScheduleOption = OneSchedule | { readonly [Name in ScheduledName]?: OneSchedule };

const isOne = (option: ScheduleOption): option is OneSchedule =>
  typeof option === "function" || (typeof option === "object" && option !== null && "name" in option);

/** A factor of 0 is 0. */
function requireBase(place: string, name: ScheduledName, optimizer: Optimizer, perMember: PerMember | undefined): void {
  if (!takes(optimizer, name)) {
    const expected = `an optimizer with ${name}`;
    throw new InvalidInput({ place, expected, got: optimizer.name, fix: "leave it out, or take sgd" });
  }
  if (name === "learningRate" || optimizer[name] !== 0 || perMember?.[name] !== undefined) return;
  const fix = `set ${name} of the optimizer; the schedule multiplies it`;
  throw new InvalidInput({ place, expected: `a ${name} above 0`, got: `${optimizer.name} with 0`, fix });
}

/** Throws `InvalidInput` where an optimizer of one's own takes too much from the step. */
function requireFewTerms(place: string, optimizer: Optimizer): void {
  const terms = updateValuesOf(optimizer).hosted.ofStep.length;
  if (terms <= mostStepValues) return;
  const expected = `at most ${mostStepValues} terms that depend only on the step, in the optimizer and its schedules`;
  const fix = "combine some of them in its update, or schedule fewer hyper-parameters";
  throw new InvalidInput({ place, expected, got: `${optimizer.name} with ${terms}`, fix });
}

/**
 * What the schedules that a training asks for multiply its hyper-parameters by.
 * @param steps of the training, from its very beginning: those of a schedule that does not say its own
 * @throws InvalidInput
 */
export function factorsOf(option: ScheduleOption, { optimizer, perMember }: RunSettings, steps: number): Factors {
  const place = "train: schedule";
  const wanted = isOne(option) ? { learningRate: option } : option;
  requireOptions(place, wanted, memberHyperParameters);
  const factors: { -readonly [Name in ScheduledName]?: Factor } = {};
  for (const name of memberHyperParameters) {
    const own = wanted[name];
    if (own === undefined) continue;
    const at = isOne(option) ? place : `${place}.${name}`;
    requireBase(at, name, optimizer, perMember);
    const schedule = withLength(checkedSchedule(at, own), steps);
    factors[name] = factorFunction(schedule);
  }
  requireFewTerms(place, { ...optimizer, factors });
  return factors;
}
