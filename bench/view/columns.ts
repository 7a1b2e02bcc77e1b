import type { Check, Point, TimedRow } from "../race/record.ts";
import {
  formatBytes,
  formatFlops,
  formatMs,
  formatShare,
  formatValue,
  significant,
  titleOf,
  type Unit,
  valueIn,
} from "../race/units.ts";

/** A figure of a timed row. */
export interface Column {
  readonly group: string;
  readonly title: string;
  /** Spelled out where the title is short. */
  readonly help?: string;
  /** Empty where the row has no such figure. */
  readonly cell: (row: TimedRow) => string;
  /** Words, not figures: set from the left. */
  readonly isText?: boolean;
}

const timeColumns = (unit: Unit, point: Point, round: string): readonly Column[] => {
  const group = titleOf(unit, round);
  const spread = (row: TimedRow) => valueIn(unit, row, point);
  return [
    { group, title: "median", cell: (row) => formatValue(unit, spread(row).median) },
    { group, title: "lower quartile", cell: (row) => formatValue(unit, spread(row).lowerQuartile) },
    { group, title: "upper quartile", cell: (row) => formatValue(unit, spread(row).upperQuartile) },
  ];
};

const times = (value: number): string => `${significant(value)}×`;

/** @param base name of the contender that the others are compared with */
const ratioColumns = (base: string): readonly Column[] => {
  const group = `time ÷ ${base}’s`;
  return [
    { group, title: "median", help: "below 1 is faster", cell: ({ ratio }) => times(ratio.median) },
    { group, title: "quartiles", cell: ({ ratio }) => `${times(ratio.lowerQuartile)} … ${times(ratio.upperQuartile)}` },
  ];
};

/** Older records hold 0 where they have not looked. */
const msUnlessZero = (ms: number): string => (ms > 0 ? formatMs(ms) : "");

const effortColumns = (round: string): readonly Column[] => {
  const group = `per ${round}`;
  return [
    { group, title: "host", help: "time until all work was handed over", cell: (row) => formatMs(row.handOver.median) },
    { group, title: "GPU", help: "time of all passes", cell: ({ gpu }) => (gpu ? formatMs(gpu.medianMs) : "") },
    { group: "once", title: "prepare", cell: ({ prepareMs }) => msUnlessZero(prepareMs) },
    { group: "once", title: "first round", help: "compiling included", cell: (row) => msUnlessZero(row.firstRoundMs) },
    { group: "once", title: "steps to the goal", cell: ({ steps }) => steps?.toLocaleString("en") ?? "" },
  ];
};

const withShare = (rate: string, share: number | undefined): string =>
  share === undefined ? rate : `${rate} (${formatShare(share)})`;

const group = "rate (share of the ceiling)";
const rateColumns: readonly Column[] = [
  { group, title: "arithmetic", cell: ({ rates }) => withShare(formatFlops(rates.flopsPerSecond), rates.flopsShare) },
  {
    group,
    title: "memory",
    cell: ({ rates }) => withShare(formatBytes(rates.bytesPerSecond, "B/s"), rates.bytesShare),
  },
];

type CountName = Exclude<keyof NonNullable<TimedRow["counts"]>, "rounds">;

const counted: readonly (readonly [name: CountName, title: string])[] = [
  ["dispatches", "dispatches"],
  ["passes", "passes"],
  ["submits", "submits"],
  ["createBuffer", "buffers made"],
  ["createBindGroup", "bind groups made"],
  ["createPipeline", "pipelines made"],
  ["writeBuffer", "writes"],
  ["writeBufferBytes", "bytes written"],
  ["mapAsync", "read-backs"],
];

const perThousand = (count: number, rounds: number): string =>
  Number(((1000 * count) / Math.max(1, rounds)).toPrecision(3)).toLocaleString("en-US");

/** Calls per 1,000 rounds: some are made once for as many. */
const countColumns: readonly Column[] = counted.map(([name, title]) => ({
  group: "WebGPU calls per 1,000 rounds",
  title,
  cell: ({ counts }) => (counts ? perThousand(counts[name], counts.rounds) : ""),
}));

/** `1.2e-7 of 1e-4 after 100 rounds` at the rounds that came closest to the bound. */
export function deviationText({ deviations }: Check): string {
  if (deviations.length === 0) return "";
  const worst = deviations.reduce((a, b) => (b.deviation / b.bound >= a.deviation / a.bound ? b : a));
  const { deviation, bound, rounds } = worst;
  return `${significant(deviation)} of ${significant(bound)} after ${rounds}`;
}

const verdict = (check: Check): string => (check.passed ? "passed" : check.deviations.length > 0 ? "failed" : "none");

const checkColumns: readonly Column[] = [
  {
    group: "check against float64",
    title: "deviation",
    help: "the closest to its bound, and after how many rounds",
    cell: ({ check }) => deviationText(check),
  },
  { group: "check against float64", title: "before", cell: ({ check }) => verdict(check) },
  { group: "check against float64", title: "after", cell: ({ audit }) => verdict(audit) },
];

const settingsText = ({ settings }: TimedRow): string =>
  Object.entries(settings ?? {})
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");

const sampleColumns: readonly Column[] = [
  { group: "samples", title: "blocks", cell: ({ samples }) => String(samples.length) },
  {
    group: "samples",
    title: "rounds a block",
    cell: ({ roundsPerBlock }) => Math.round(roundsPerBlock).toLocaleString("en"),
  },
  { group: "samples", title: "repeated", help: "the page was hidden", cell: (row) => String(row.hiddenBlocks) },
  { group: "about", title: "version", isText: true, cell: ({ version }) => version },
  { group: "about", title: "settings", isText: true, cell: settingsText },
  { group: "about", title: "notes", isText: true, cell: ({ notes }) => notes.join("; ") },
];

export interface TableOptions {
  readonly unit: Unit;
  readonly round: string;
  readonly base: string;
}

/** Every figure that some timed row of a point has. */
export function columnsOf(point: Point, { unit, round, base }: TableOptions): readonly Column[] {
  const rows = point.rows.filter((row) => row.status === "timed");
  const all = [
    ...timeColumns(unit, point, round),
    ...ratioColumns(base),
    ...checkColumns,
    ...effortColumns(round),
    ...rateColumns,
    ...countColumns,
    ...sampleColumns,
  ];
  return all.filter(({ cell }) => rows.some((row) => cell(row) !== ""));
}
