import type { Optimizer } from "./optimizer.ts";
import { memberHyperParameters } from "./optimizers.ts";
import { factorAt } from "./schedule.ts";

// What an update takes from the number of the step: the number itself, from 1, and a factor for each hyper-parameter with a schedule.

export type ScheduledName = (typeof memberHyperParameters)[number];

const factorPrefix = "factor of ";

/** Name of the input that multiplies a hyper-parameter. */
export const factorInput = (name: string): string => factorPrefix + name;

/** Whether an update's input is the same for all parameters and members of a step, and new in each. */
export const isStepInput = (name: string): boolean => name === "step" || name.startsWith(factorPrefix);

/** Hyper-parameters with a schedule. */
export const scheduledNames = ({ schedule }: Optimizer): ScheduledName[] =>
  memberHyperParameters.filter((name) => schedule?.[name] !== undefined);

/** Names of what an update takes from the number of the step. */
export const stepInputs = (optimizer: Optimizer): string[] => ["step", ...scheduledNames(optimizer).map(factorInput)];

/** Writes their values from a place on. @param step of the run, from 0 */
export function writeStepInputs(inputs: Float64Array, place: number, { schedule }: Optimizer, step: number): void {
  inputs[place] = step + 1;
  if (schedule === undefined) return;
  let at = place + 1;
  for (const name of memberHyperParameters) {
    const own = schedule[name];
    if (own !== undefined) inputs[at++] = factorAt(own, step);
  }
}

/** The optimizer with the hyper-parameters that its schedule gives it in a step, from 0. */
export function optimizerAt({ schedule, ...base }: Optimizer, step: number): Optimizer {
  if (schedule === undefined) return base;
  const now = Object.entries(schedule).map(([name, own]) => [name, base[name as ScheduledName] * factorAt(own, step)]);
  return { ...base, ...Object.fromEntries(now) };
}
