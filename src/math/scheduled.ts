import { memberHyperParameters } from "./optimizers.ts";

// What an update takes from the number of the step: the number itself, from 1, and a factor for each hyper-parameter with a schedule.

export type ScheduledName = (typeof memberHyperParameters)[number];

/** Of hyper-parameters with a schedule, the factor of the base value in a step, from 0. */
export type Factors = { readonly [Name in ScheduledName]?: (step: number) => number };

interface Scheduled {
  readonly factors?: Factors | undefined;
}

const factorPrefix = "factor of ";

/** Name of the input that multiplies a hyper-parameter. */
export const factorInput = (name: string): string => factorPrefix + name;

/** Whether an update's input is the same for all parameters and members of a step, and new in each. */
export const isStepInput = (name: string): boolean => name === "step" || name.startsWith(factorPrefix);

/** Hyper-parameters with a schedule. */
export const scheduledNames = ({ factors }: Scheduled): ScheduledName[] =>
  memberHyperParameters.filter((name) => factors?.[name] !== undefined);

/** Names of what an update takes from the number of the step. */
export const stepInputs = (optimizer: Scheduled): string[] => ["step", ...scheduledNames(optimizer).map(factorInput)];

/** Writes their values from a place on. @param step of the run, from 0 */
export function writeStepInputs(inputs: Float64Array, place: number, { factors }: Scheduled, step: number): void {
  inputs[place] = step + 1;
  if (factors === undefined) return;
  let at = place + 1;
  for (const name of memberHyperParameters) {
    const factorAt = factors[name];
    if (factorAt !== undefined) inputs[at++] = factorAt(step);
  }
}

/** An optimizer with the hyper-parameters that it has in a step, from 0. */
export function optimizerAt<Own extends Scheduled & Readonly<Record<ScheduledName, number>>>(
  optimizer: Own,
  step: number,
): Own {
  const { factors, ...base } = optimizer;
  const now = scheduledNames(optimizer).map((name) => [name, optimizer[name] * factors![name]!(step)]);
  return { ...base, ...Object.fromEntries(now) } as Own;
}
