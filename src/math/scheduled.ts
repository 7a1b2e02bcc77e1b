import { memberHyperParameters } from "./hyperParameters.ts";

// Hyper-parameters that each step multiplies by a factor of its own.

export type ScheduledName = (typeof memberHyperParameters)[number];

/** The factor of a base value in a step, from 0. */
export interface Factor {
  (step: number): number;
  /** Writes those of steps in a row. A function of one's own has none: it is asked for a step when that is taken. */
  readonly fill?: (firstStep: number, to: Float64Array) => void;
}

/** Of hyper-parameters with a schedule, their factors. */
export type Factors = { readonly [Name in ScheduledName]?: Factor };

interface Scheduled {
  readonly factors?: Factors | undefined;
}

/** Name of the input of an update that multiplies a hyper-parameter. */
export const factorInput = (name: string): string => `factor of ${name}`;

/** Hyper-parameters with a schedule. */
export const scheduledNames = ({ factors }: Scheduled): ScheduledName[] =>
  memberHyperParameters.filter((name) => factors?.[name] !== undefined);

/** An optimizer with the hyper-parameters that it has in a step, from 0. */
export function optimizerAt<Own extends Scheduled & Readonly<Record<ScheduledName, number>>>(
  optimizer: Own,
  step: number,
): Own {
  const { factors, ...base } = optimizer;
  const now = scheduledNames(optimizer).map((name) => [name, optimizer[name] * factors![name]!(step)]);
  return { ...base, ...Object.fromEntries(now) } as Own;
}
