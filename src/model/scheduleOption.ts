import { InvalidInput, requireOptions } from "../errors.ts";
import type { PerMember } from "../backend/executor.ts";
import { type Optimizer, takes } from "../math/optimizer.ts";
import { memberHyperParameters } from "../math/optimizers.ts";
import { mostStepValues } from "../math/optimizerUpdate.ts";
import { checkedSchedule, type Schedule, type Schedules, withLength } from "../math/schedule.ts";
import type { ScheduledName } from "../math/scheduled.ts";
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
  const fix = `give the optimizer the ${name} that the schedule is a factor of`;
  throw new InvalidInput({ place, expected: `a ${name} above 0`, got: `${optimizer.name} with 0`, fix });
}

/**
 * The optimizer with the schedules that a training asks for, their lengths filled in.
 * @param steps of the training, from its very beginning
 * @throws InvalidInput
 */
export function scheduledOptimizer(
  optimizer: Optimizer,
  option: ScheduleOption | undefined,
  { steps, perMember }: { readonly steps: number; readonly perMember: PerMember | undefined },
): Optimizer {
  if (option === undefined) return optimizer;
  const place = "train: schedule";
  const wanted = isOne(option) ? { learningRate: option } : option;
  requireOptions(place, wanted, memberHyperParameters);
  const schedule: { -readonly [Name in keyof Schedules]: Schedules[Name] } = {};
  for (const name of memberHyperParameters) {
    const own = wanted[name];
    if (own === undefined) continue;
    const at = isOne(option) ? place : `${place}.${name}`;
    requireBase(at, name, optimizer, perMember);
    schedule[name] = withLength(checkedSchedule(at, own), steps);
  }
  const scheduled = { ...optimizer, schedule };
  const terms = updateValuesOf(scheduled).hosted.ofStep.length;
  if (terms <= mostStepValues) return scheduled;
  const expected = `an optimizer that with its schedules has at most ${mostStepValues} terms of the step alone`;
  const fix = "combine some of them in its update, or schedule fewer hyper-parameters";
  throw new InvalidInput({ place, expected, got: `${optimizer.name} with ${terms}`, fix });
}
