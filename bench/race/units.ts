import type { Point, Race, TimedRow } from "./record.ts";

// What a figure can be shown in, and how it is written.

export const unitNames = ["time", "samples", "networkSteps", "flops"] as const;
export type UnitName = (typeof unitNames)[number];

export interface Unit {
  readonly name: UnitName;
  /** `samples/s`; behind an SI prefix where the value has one. */
  readonly symbol: string;
  readonly moreIsBetter: boolean;
  /** What one round has of it; undefined for times, which are read as they are. */
  readonly amount?: (work: Point["work"]) => number;
}

export const units: Readonly<Record<UnitName, Unit>> = {
  time: { name: "time", symbol: "s", moreIsBetter: false },
  samples: { name: "samples", symbol: "samples/s", moreIsBetter: true, amount: ({ samples }) => samples },
  networkSteps: { name: "networkSteps", symbol: "networks·steps/s", moreIsBetter: true, amount: (w) => w.networks },
  flops: { name: "flops", symbol: "FLOP/s", moreIsBetter: true, amount: ({ flops }) => flops },
};

/** The middle half of the samples, and their middle. */
export interface Spread {
  readonly median: number;
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
}

/** So much a second, where that amount takes so many milliseconds: the longest times are the lowest rates. */
export function rateOf(amount: number, { median, lowerQuartile, upperQuartile }: Spread): Spread {
  const perSecond = (ms: number): number => (1000 * amount) / ms;
  return {
    median: perSecond(median),
    lowerQuartile: perSecond(upperQuartile),
    upperQuartile: perSecond(lowerQuartile),
  };
}

/**
 * A row's time in a unit: milliseconds for times, else so much a second. A sample is a whole training where the workload
 * has a goal, so that it counts for as many rounds as the row took steps.
 */
export function valueIn(unit: Unit, row: TimedRow, { work }: Pick<Point, "work">): Spread {
  const { median, lowerQuartile, upperQuartile } = row.summary;
  if (!unit.amount) return { median, lowerQuartile, upperQuartile };
  return rateOf(unit.amount(work) * (row.steps ?? 1), row.summary);
}

/** Whether the contenders of a point train until a goal is met, so that a sample is a whole training. */
const hasGoal = ({ rows }: Point): boolean => rows.some((row) => row.status === "timed" && row.steps !== undefined);

/** What a sample is: `training`, `step`, or `round`. */
export function roundOf({ name, title, points }: Pick<Race, "name" | "title" | "points">): string {
  if (points.some(hasGoal)) return "training";
  return /\b(step|train)/i.test(`${name} ${title}`) ? "step" : "round";
}

/** `ms per step`, `samples/s`: a unit as the title of an axis or column. */
export const titleOf = (unit: Unit, round: string): string => (unit.amount ? unit.symbol : `time per ${round}`);

interface Prefix {
  readonly factor: number;
  readonly sign: string;
}

const prefixes: readonly Prefix[] = [
  { factor: 1e12, sign: "T" },
  { factor: 1e9, sign: "G" },
  { factor: 1e6, sign: "M" },
  { factor: 1e3, sign: "k" },
  { factor: 1, sign: "" },
  { factor: 1e-3, sign: "m" },
  { factor: 1e-6, sign: "µ" },
  { factor: 1e-9, sign: "n" },
];
/** Seconds are not counted in thousands, rates not in thousandths. */
const fitting = (isTime: boolean): readonly Prefix[] =>
  prefixes.filter(({ factor }) => (isTime ? factor <= 1 : factor >= 1));

/** The prefix that leaves 1 to 999 in front of it, after rounding. */
function prefixOf(value: number, isTime: boolean): Prefix {
  const among = fitting(isTime);
  const rounded = Math.abs(Number(value.toPrecision(3)));
  if (rounded === 0 || !Number.isFinite(rounded)) return { factor: isTime ? 1e-3 : 1, sign: isTime ? "m" : "" };
  return among.find(({ factor }) => rounded >= factor * (1 - 1e-9)) ?? among[among.length - 1]!;
}

/** Three significant digits: `0.0123`, `1.20`, `48.9`, `5,400`; `1.2e-7` where there would be too many zeros. */
export function significant(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const rounded = Number(value.toPrecision(3));
  const size = Math.abs(rounded);
  if (size < 1e-3 || size >= 1e7) return rounded.toExponential(1);
  return size >= 1000 ? rounded.toLocaleString("en-US") : rounded.toPrecision(3);
}

/** Behind a prefix a space, before a rate without one too: `48.9 ms`, `1.20 M samples/s`, `3.20 GFLOP/s`. */
const symbolWith = ({ sign }: Prefix, { symbol, name }: Unit): string =>
  name === "time" || name === "flops" || sign === "" ? sign + symbol : `${sign} ${symbol}`;

const inBase = ({ amount }: Unit, value: number): number => (amount ? value : value / 1000);

/** A value as `valueIn` gives it: `211 µs`, `1.20 M samples/s`. */
export function formatValue(unit: Unit, value: number): string {
  const base = inBase(unit, value);
  const prefix = prefixOf(base, !unit.amount);
  return `${significant(base / prefix.factor)} ${symbolWith(prefix, unit)}`;
}

/** A round value of an axis: `10 µs`, `2 G`; the axis' title has the symbol of rates. */
export function formatTick(unit: Unit, value: number): string {
  if (value === 0) return "0";
  const base = inBase(unit, value);
  const prefix = prefixOf(base, !unit.amount);
  const number = String(Number((base / prefix.factor).toPrecision(3)));
  return unit.amount ? `${number}${prefix.sign && ` ${prefix.sign}`}` : `${number} ${symbolWith(prefix, unit)}`;
}

/** `211 µs (193 … 241)`: median and quartiles behind one prefix. */
export function formatSpread(unit: Unit, { median, lowerQuartile, upperQuartile }: Spread): string {
  const base = inBase(unit, median);
  const prefix = prefixOf(base, !unit.amount);
  const [lower, upper] = [lowerQuartile, upperQuartile].map((value) =>
    significant(inBase(unit, value) / prefix.factor),
  );
  return `${significant(base / prefix.factor)} ${symbolWith(prefix, unit)} (${lower} … ${upper})`;
}

/** Milliseconds: `48.9 ms`, `211 µs`. */
export const formatMs = (ms: number): string => formatValue(units.time, ms);

/** A rate: `3.20 GFLOP/s`. */
export const formatFlops = (flopsPerSecond: number): string => formatValue(units.flops, flopsPerSecond);

/** `0.3 %`, `12 %`. */
export const formatShare = (share: number): string => `${Number((100 * share).toPrecision(2))} %`;

/** `2.72 GB/s`, `1.50 kB`: decimal prefixes. */
export function formatBytes(bytes: number, symbol = "B"): string {
  const prefix = prefixOf(bytes, false);
  const number = prefix.factor === 1 ? String(Number(bytes.toPrecision(3))) : significant(bytes / prefix.factor);
  return `${number} ${prefix.sign}${symbol}`;
}
