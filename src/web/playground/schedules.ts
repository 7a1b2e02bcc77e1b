// The schedules of the learning rate that the page offers.

import {
  constant,
  cosine,
  cosineRestarts,
  linear,
  oneCycle,
  piecewise,
  type Schedule,
  scheduleFunction,
  step,
  warmUp,
} from "../../index.ts";

/** Share of the learning rate that schedules end with: a training of the page has no end, and continues there. */
const floor = 0.01;

interface Offer {
  readonly label: string;
  /** What it does over its steps. */
  readonly hint: string;
  /** @param steps until it has ended */
  readonly make: (steps: number) => Schedule;
  /** The same as a program writes it. */
  readonly code: (steps: number) => string;
}

const offers = {
  cosine: {
    label: "Cosine",
    hint: "Half a cosine down to 1 % of the rate, then constant.",
    make: (steps) => piecewise([{ steps, schedule: cosine({ floor, steps }) }, { schedule: constant(floor) }]),
    code: (steps) =>
      `piecewise([{ steps: ${steps}, schedule: cosine({ floor: ${floor}, steps: ${steps} }) }, { schedule: constant(${floor}) }])`,
  },
  cosineRestarts: {
    label: "Cosine with restarts",
    hint: "Half a cosine down to 1 %, then restarts at the full rate.",
    make: (steps) => cosineRestarts({ floor, steps }),
    code: (steps) => `cosineRestarts({ floor: ${floor}, steps: ${steps} })`,
  },
  linear: {
    label: "Linear",
    hint: "Linear down to 1 % of the rate, then constant.",
    make: (steps) => linear({ startFactor: 1, endFactor: floor, steps }),
    code: (steps) => `linear({ startFactor: 1, endFactor: ${floor}, steps: ${steps} })`,
  },
  step: {
    label: "Steps",
    hint: "Multiplies the rate by 0.1 each time this many steps are done.",
    make: (steps) => step({ stepSize: steps, gamma: 0.1 }),
    code: (steps) => `step({ stepSize: ${steps}, gamma: 0.1 })`,
  },
  oneCycle: {
    label: "One cycle",
    hint: "Up from 4 % over the first 30 % of the steps, then down to almost zero.",
    make: (steps) => oneCycle({ steps }),
    code: (steps) => `oneCycle({ steps: ${steps} })`,
  },
} as const satisfies Record<string, Offer>;

export type ScheduleName = "constant" | keyof typeof offers;
export const scheduleNames = ["constant", ...(Object.keys(offers) as (keyof typeof offers)[])] as const;

export const scheduleLabels: Readonly<Record<ScheduleName, string>> = {
  constant: "Constant",
  ...(Object.fromEntries(Object.entries(offers).map(([name, { label }]) => [name, label])) as Record<
    keyof typeof offers,
    string
  >),
};

export const scheduleHint = (name: ScheduleName): string =>
  name === "constant" ? "The learning rate is constant." : offers[name].hint;

/** How the learning rate of a training changes. */
export interface ScheduleSettings {
  readonly schedule: ScheduleName;
  /** Steps of the schedule behind the warm-up. */
  readonly scheduleSteps: number;
  /** Steps of a line from a third of the rate up to it; 0: none. */
  readonly warmUp: number;
}

/** What a training is given; undefined where the rate is constant. */
export function scheduleOf({ schedule, scheduleSteps, warmUp: steps }: ScheduleSettings): Schedule | undefined {
  const own = schedule === "constant" ? undefined : offers[schedule].make(scheduleSteps);
  return steps > 0 ? warmUp(steps, own) : own;
}

/** The same as a program writes it. */
export function scheduleCode({ schedule, scheduleSteps, warmUp: steps }: ScheduleSettings): string | undefined {
  const own = schedule === "constant" ? undefined : offers[schedule].code(scheduleSteps);
  if (steps === 0) return own;
  return own === undefined ? `warmUp(${steps})` : `warmUp(${steps}, ${own})`;
}

/** Steps until the schedule has ended. */
export const scheduleLength = ({ schedule, scheduleSteps, warmUp: steps }: ScheduleSettings): number =>
  steps + (schedule === "constant" ? 0 : scheduleSteps);

/** The learning rate of each step, from 0. */
export function rateFunction(settings: ScheduleSettings & { readonly learningRate: number }): (step: number) => number {
  const schedule = scheduleOf(settings);
  if (!schedule) return () => settings.learningRate;
  const factorAt = scheduleFunction(schedule, 1); // all of them say their own steps
  return (at) => settings.learningRate * factorAt(at);
}
