import { InvalidInput, requireOptions } from "../errors.ts";
import type { Factor } from "./scheduled.ts";

// How a hyper-parameter changes from step to step: data that gives a factor of its base value for every step, in float64. Definitions are
// those of `torch.optim.lr_scheduler`, in closed form, so that a training can be resumed anywhere; steps count updates.

/** Numbers that a schedule may have, by their names in it. */
interface Range {
  readonly expected: string;
  readonly holds: (value: unknown) => boolean;
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const mostSteps = 2 ** 48;
const isCount = (value: unknown): boolean =>
  Number.isInteger(value) && Number(value) >= 1 && Number(value) <= mostSteps;
const count: Range = { expected: "an integer from 1 to 2⁴⁸", holds: isCount };
const factor: Range = { expected: "a number of at least 0", holds: (value) => isNumber(value) && value >= 0 };
const positive: Range = { expected: "a number above 0", holds: (value) => isNumber(value) && value > 0 };
const annealings = ["cosine", "linear"] as const;

const ranges = {
  steps: { expected: `${count.expected}, or nothing`, holds: (value) => value === undefined || isCount(value) },
  stepSize: count,
  multiplier: count,
  factor,
  startFactor: factor,
  endFactor: factor,
  floor: factor,
  power: factor,
  gamma: positive,
  divFactor: positive,
  finalDivFactor: positive,
  rise: { expected: "a number from 0 to 1", holds: (value) => isNumber(value) && value >= 0 && value <= 1 },
  anneal: {
    expected: annealings.join(" or "),
    holds: (value) => (annealings as readonly unknown[]).includes(value),
  },
  threePhase: { expected: "true or false", holds: (value) => typeof value === "boolean" },
  milestones: {
    expected: "rising integers of at least 1",
    holds: (value) =>
      Array.isArray(value) && value.every((own, at) => isCount(own) && (at === 0 || own > value[at - 1])),
  },
} satisfies Record<string, Range>;
type Field = keyof typeof ranges;

const cosineBetween = (from: number, to: number, share: number): number =>
  to + ((from - to) / 2) * (Math.cos(Math.PI * share) + 1);
const lineBetween = (from: number, to: number, share: number): number => from + (to - from) * share;

/** A kind of schedule: its numbers with their defaults, and its factor of the base value as a function of the step, from 0. */
interface Kind<Values> {
  readonly defaults: Values;
  /** What does not depend on the step is computed once. */
  readonly factorOf: (values: Values) => (step: number) => number;
}
const define = <Values>(defaults: Values, factorOf: Kind<Values>["factorOf"]): Kind<Values> => ({ defaults, factorOf });

/** Steps of the schedule: where they are left out, those that the training has left. */
const untilEnd = { steps: undefined as number | undefined };
const lengthOf = ({ steps }: typeof untilEnd): number => steps ?? 1;

const kinds = {
  constant: define(
    { factor: 1 },
    ({ factor: own }) =>
      () =>
        own,
  ),
  linear: define({ startFactor: 1 / 3, endFactor: 1, ...untilEnd }, (own) => {
    const [length, { startFactor, endFactor }] = [lengthOf(own), own];
    return (step) => lineBetween(startFactor, endFactor, Math.min(1, step / length));
  }),
  step: define(
    { stepSize: 30, gamma: 0.1 },
    ({ stepSize, gamma }) =>
      (step) =>
        gamma ** Math.floor(step / stepSize),
  ),
  multiStep: define({ milestones: [] as readonly number[], gamma: 0.1 }, ({ milestones, gamma }) => (step) => {
    let passed = 0;
    while (passed < milestones.length && milestones[passed]! <= step) passed++;
    return gamma ** passed;
  }),
  exponential: define(
    { gamma: 0.99 },
    ({ gamma }) =>
      (step) =>
        gamma ** step,
  ),
  polynomial: define({ power: 1, ...untilEnd }, (own) => {
    const [length, { power }] = [lengthOf(own), own];
    return (step) => (1 - Math.min(1, step / length)) ** power;
  }),
  // Loshchilov and Hutter 2017
  cosine: define({ floor: 0, ...untilEnd }, (own) => {
    const [length, { floor }] = [lengthOf(own), own];
    return (step) => cosineBetween(1, floor, step / length);
  }),
  cosineRestarts: define({ floor: 0, multiplier: 1, ...untilEnd }, (own) => {
    const [first, { floor, multiplier }] = [lengthOf(own), own];
    if (multiplier === 1) return (step) => cosineBetween(1, floor, (step % first) / first);
    return (step) => {
      let [since, length] = [step, first];
      for (; since >= length; length *= multiplier) since -= length;
      return cosineBetween(1, floor, since / length);
    };
  }),
  // Smith and Topin 2018
  oneCycle: define(
    {
      rise: 0.3,
      divFactor: 25,
      finalDivFactor: 1e4,
      anneal: "cosine" as (typeof annealings)[number],
      threePhase: false,
      ...untilEnd,
    },
    (own) => {
      const { threePhase } = own;
      const last = lengthOf(own) - 1;
      const [low, top] = [1 / own.divFactor, own.rise * lengthOf(own) - 1];
      const between = own.anneal === "cosine" ? cosineBetween : lineBetween;
      const [start, from] = threePhase ? [2 * top, low] : [top, 1];
      const least = low / own.finalDivFactor;
      return (step) => {
        const now = Math.min(step, last);
        if (now <= top) return top > 0 ? between(low, 1, now / top) : 1;
        if (threePhase && now <= 2 * top) return between(1, low, (now - top) / top);
        return last > start ? between(from, least, (now - start) / (last - start)) : least;
      };
    },
  ),
};
type Kinds = typeof kinds;
type KindName = keyof Kinds;
type ValuesOf<Name extends KindName> = Kinds[Name]["defaults"];

/** One piece of a piecewise schedule: a schedule that counts from 0, and for how many steps; without steps, to the end. */
export interface SchedulePiece {
  readonly steps?: number | undefined;
  readonly schedule: Schedule;
}

/** A schedule as data: what `cosine()` and the others return. All but an own function can be written as JSON. */
export type Schedule =
  | { [Name in KindName]: { readonly name: Name } & Readonly<ValuesOf<Name>> }[KindName]
  | { readonly name: "piecewise"; readonly pieces: readonly SchedulePiece[] }
  | { readonly name: "own"; readonly label: string; readonly factorAt: (step: number) => number };

export const scheduleNames = [...(Object.keys(kinds) as KindName[]), "piecewise", "own"] as const;

const refuse = (place: string, expected: string, got: unknown, fix: string): never => {
  const text = typeof got === "string" || (typeof got === "object" && got !== null) ? JSON.stringify(got) : String(got);
  throw new InvalidInput({ place, expected, got: text, fix });
};

function checkedPieces(place: string, pieces: readonly SchedulePiece[]): Schedule {
  if (!Array.isArray(pieces) || pieces.length === 0)
    return refuse(place, "a list of pieces", pieces, "pass [{ steps: 100, schedule: constant() }, …]");
  const checked = pieces.map((piece: SchedulePiece, at) => {
    const own = `${place}[${at}]`;
    requireOptions(own, piece, ["steps", "schedule"]);
    if (at < pieces.length - 1 && piece.steps === undefined)
      refuse(`${own}.steps`, count.expected, undefined, "only the last piece may omit its steps");
    if (!ranges.steps.holds(piece.steps)) refuse(`${own}.steps`, count.expected, piece.steps, "pass its steps");
    return { steps: piece.steps, schedule: checkedSchedule(`${own}.schedule`, piece.schedule) };
  });
  return { name: "piecewise", pieces: checked };
}

/**
 * A schedule with its defaults filled in; a function of the step becomes one that is named as it is.
 * @throws InvalidInput
 */
export function checkedSchedule(place: string, schedule: Schedule | ((step: number) => number)): Schedule {
  if (typeof schedule === "function") return ownSchedule(schedule.name || "function", schedule);
  const expected = `a schedule, one of ${scheduleNames.join(", ")}, or a function of the step`;
  if (typeof schedule !== "object" || schedule === null) return refuse(place, expected, schedule, "pass cosine()");
  const { name, ...values } = schedule as { name: KindName };
  if (schedule.name === "own") return ownSchedule(schedule.label, schedule.factorAt);
  if (schedule.name === "piecewise") {
    requireOptions(place, values, ["pieces"]);
    return checkedPieces(`${place}: pieces`, schedule.pieces);
  }
  if (!Object.hasOwn(kinds, name)) return refuse(place, expected, name, "pass one of these");
  const all = { ...kinds[name].defaults, ...values };
  requireOptions(`${place}: ${name}`, values, Object.keys(kinds[name].defaults));
  for (const [field, value] of Object.entries(all)) {
    const { expected: wanted, holds } = ranges[field as Field];
    if (!holds(value)) refuse(`${place}: ${name}: ${field}`, wanted, value, "pass a value in that range");
  }
  return { name, ...all } as Schedule;
}

const create =
  <Name extends KindName>(name: Name) =>
  (options: Partial<ValuesOf<Name>> = {}): Schedule =>
    checkedSchedule("schedule", { name, ...options } as unknown as Schedule);

/** The base value times `factor`, 1 unless given, for ever. */
export const constant = (factor = 1): Schedule => create("constant")({ factor });

/** A line from startFactor (default 1/3) to endFactor (1) over `steps`, then endFactor: `LinearLR`. */
export const linear = create("linear");

/** Times gamma (0.1) every stepSize steps (30): `StepLR`. */
export const step = create("step");

/** Times gamma (0.1) at each of the milestones, numbers of steps: `MultiStepLR`. */
export const multiStep = create("multiStep");

/** Times gamma (0.99) every step: `ExponentialLR`. */
export const exponential = create("exponential");

/** (1 − t / steps) to the power (1) until `steps`, then 0: `PolynomialLR`. */
export const polynomial = create("polynomial");

/** Half a cosine from the base value down to the share `floor` of it (0) in `steps`, and up again beyond: `CosineAnnealingLR`. */
export const cosine = create("cosine");

/** Half cosines, each from the base value again and `multiplier` times (1) as long, the first of `steps`: `CosineAnnealingWarmRestarts`. */
export const cosineRestarts = create("cosineRestarts");

/**
 * Up from the base value / divFactor (25) over the share `rise` (0.3) of the steps, then down to 1 / finalDivFactor (1e4) of where it
 * began; along cosines, or lines. With threePhase down as it came, then to the end: `OneCycleLR`, whose largest rate the base value is.
 * The momentum that goes the other way is `oneCycle({ divFactor: 0.85 / 0.95, finalDivFactor: 1 })` of the base 0.85.
 */
export const oneCycle = create("oneCycle");

/** One schedule after the other, each counting from its own 0: `SequentialLR`. */
export const piecewise = (pieces: readonly SchedulePiece[]): Schedule =>
  checkedSchedule("schedule", { name: "piecewise", pieces });

/** A line up to the base value over `steps`, from the share startFactor (1/3) of it; then another schedule, from its own 0. */
export const warmUp = (
  steps: number,
  then: Schedule = constant(),
  { startFactor = 1 / 3 }: { readonly startFactor?: number } = {},
): Schedule => piecewise([{ steps, schedule: linear({ startFactor, steps }) }, { schedule: then }]);

/**
 * A function of the number of steps done, as the factor of the base value: `LambdaLR`. It has to give the same for the same step.
 * @param label what it is called where a training is described
 */
export function ownSchedule(label: string, factorAt: (step: number) => number): Schedule {
  if (typeof factorAt !== "function")
    return refuse(`schedule ${label}`, "a function of the step", factorAt, "pass one");
  return { name: "own", label: String(label).slice(0, 60), factorAt };
}

/** A schedule whose own length is known, and that of its pieces. @param steps of the training, where a schedule does not say its own */
export function withLength(schedule: Schedule, steps: number): Schedule {
  if (schedule.name !== "piecewise") {
    return "steps" in schedule && schedule.steps === undefined ? { ...schedule, steps } : schedule;
  }
  let left = steps;
  const pieces = schedule.pieces.map((piece) => {
    const own = piece.steps ?? Math.max(1, left);
    left -= own;
    return { steps: piece.steps, schedule: withLength(piece.schedule, own) };
  });
  return { name: "piecewise", pieces };
}

/** Consecutive pieces. Training asks for steps in order, so the search starts at the piece that was found last. */
function piecewiseFunction(pieces: readonly SchedulePiece[]): Factor {
  const functions = pieces.map(({ schedule }) => factorFunction(schedule));
  const starts = [0];
  for (const { steps } of pieces.slice(0, -1)) starts.push(starts.at(-1)! + (steps ?? Number.POSITIVE_INFINITY));
  let place = 0;
  const seek = (step: number): void => {
    while (step < starts[place]!) place--;
    while (step >= starts[place + 1]!) place++; // false behind the last
  };
  const factorAt = (step: number): number => {
    seek(step);
    return functions[place]!(step - starts[place]!);
  };
  const fill = (firstStep: number, to: Float64Array): void => {
    for (let at = 0, end = 0; at < to.length; at = end) {
      seek(firstStep + at);
      end = Math.min(to.length, (starts[place + 1] ?? Infinity) - firstStep);
      functions[place]!.fill!(firstStep + at - starts[place]!, to.subarray(at, end));
    }
  };
  return functions.every((own) => own.fill) ? Object.assign(factorAt, { fill }) : factorAt;
}

/**
 * The factor of the base value as a function of the step, from 0.
 * @throws InvalidInput by that function, where an own schedule returns no number of at least 0
 */
export function factorFunction(schedule: Schedule): Factor {
  if (schedule.name === "piecewise") return piecewiseFunction(schedule.pieces);
  if (schedule.name !== "own") {
    const factorOf = kinds[schedule.name].factorOf as Kind<Schedule>["factorOf"];
    const ofStep = factorOf(schedule);
    const fill = (firstStep: number, to: Float64Array): void => {
      for (let index = 0; index < to.length; index++) to[index] = ofStep(firstStep + index);
    };
    return Object.assign((step: number) => ofStep(step), { fill });
  }
  const { label, factorAt } = schedule;
  return (step) => {
    const value = factorAt(step);
    if (factor.holds(value)) return value;
    return refuse(`schedule ${label}: step ${step}`, factor.expected, value, "return a factor of the base value");
  };
}

/**
 * A schedule as a function of the step, from 0, that gives the factor of the base value: to draw it, or to resume at a step.
 * @param steps of the training, where the schedule does not say its own
 * @throws InvalidInput
 */
export function scheduleFunction(schedule: Schedule, steps: number): (step: number) => number {
  const own = withLength(checkedSchedule("scheduleFunction", schedule), steps);
  return factorFunction(own);
}
