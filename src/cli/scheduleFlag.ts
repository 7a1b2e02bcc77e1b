import {
  cosine,
  cosineRestarts,
  exponential,
  InvalidInput,
  linear,
  multiStep,
  oneCycle,
  polynomial,
  type Schedule,
  step,
  warmUp,
} from "../node.ts";
import { name, numberList } from "./flags.ts";
import { counted } from "./numbers.ts";

/** How a schedule is written: its numbers in order, and what is made of them. */
interface Form {
  readonly usage: string;
  /** Fewest and most numbers. */
  readonly numbers: readonly [number, number];
  readonly create: (numbers: readonly number[]) => Schedule;
}

/** Those of the options that have a number. */
const given = <Name extends string>(names: readonly Name[], numbers: readonly number[]) =>
  Object.fromEntries(numbers.map((value, at) => [names[at]!, value])) as { [name in Name]?: number };

/** Milestones, and behind them gamma where the last number is below 1. */
function milestonesOf(numbers: readonly number[]): Schedule {
  const last = numbers.at(-1)!;
  return last < 1 ? multiStep({ milestones: numbers.slice(0, -1), gamma: last }) : multiStep({ milestones: numbers });
}

const forms = {
  cosine: { usage: "cosine[:FLOOR]", numbers: [0, 1], create: (own) => cosine(given(["floor"], own)) },
  "cosine-restarts": {
    usage: "cosine-restarts:STEPS[,MULTIPLIER[,FLOOR]]",
    numbers: [1, 3],
    create: (own) => cosineRestarts(given(["steps", "multiplier", "floor"], own)),
  },
  "one-cycle": { usage: "one-cycle[:RISE]", numbers: [0, 1], create: (own) => oneCycle(given(["rise"], own)) },
  step: { usage: "step:STEPS[,GAMMA]", numbers: [1, 2], create: (own) => step(given(["stepSize", "gamma"], own)) },
  "multi-step": { usage: "multi-step:STEP,STEP,…[,GAMMA]", numbers: [1, 1000], create: milestonesOf },
  exponential: { usage: "exponential:GAMMA", numbers: [1, 1], create: (own) => exponential(given(["gamma"], own)) },
  polynomial: { usage: "polynomial[:POWER]", numbers: [0, 1], create: (own) => polynomial(given(["power"], own)) },
  linear: {
    usage: "linear:START,END",
    numbers: [2, 2],
    create: (own) => linear(given(["startFactor", "endFactor"], own)),
  },
} satisfies Record<string, Form>;

const names = Object.keys(forms) as readonly (keyof typeof forms)[];

export const scheduleUsage = Object.values(forms)
  .map(({ usage }) => usage)
  .join(", ");

/** A schedule as it was written. */
interface WrittenSchedule {
  readonly text: string;
  readonly schedule: Schedule;
}

/** `cosine`, or a name with numbers: `step:30,0.1`. */
export const schedule =
  (flag: string) =>
  (text: string): WrittenSchedule => {
    const [kind, ...behind] = text.split(":");
    const own = name(flag, names)(kind!);
    const { usage, numbers, create }: Form = forms[own];
    const values = behind.length === 0 ? [] : numberList(flag)(behind.join(":"));
    if (values.length >= numbers[0] && values.length <= numbers[1]) {
      return { text: [own, ...(values.length > 0 ? [values.join(",")] : [])].join(":"), schedule: create(values) };
    }
    const got = counted(values.length, "number");
    throw new InvalidInput({ place: flag, expected: usage, got, fix: "parts in [ ] are optional" });
  };

/** What the flags say of the learning rate's way. */
export interface ScheduleFlags {
  readonly schedule?: WrittenSchedule;
  /** Steps. */
  readonly warmup?: number;
}

/** The option of a training. */
export function scheduleOf({ schedule: written, warmup }: ScheduleFlags): { readonly schedule?: Schedule } {
  const all = warmup === undefined ? written?.schedule : warmUp(warmup, written?.schedule);
  return all ? { schedule: all } : {};
}

/** Describes the schedule for the line `training`; empty without a schedule. */
export function describeSchedule({ schedule: written, warmup }: ScheduleFlags): string {
  const own = written ? `, schedule ${written.text}` : "";
  return warmup === undefined ? own : `${own}, warm-up of ${counted(warmup, "step")}`;
}
