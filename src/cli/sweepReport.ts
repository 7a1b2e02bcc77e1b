import type { FloatArray } from "../node.ts";
import { rungsLeft } from "./halving.ts";
import { counted, grouped, percent, short } from "./numbers.ts";
import type { Output } from "./output.ts";
import { type Axis, type SweepPlan, axes } from "./sweepPlan.ts";
import {
  type Stopped,
  type SweepResults,
  perfectNetworks,
  quantilesOf,
  rankedLosses,
  stoppedOf,
} from "./sweepResults.ts";

/** One property of each network: a key of --json, with a title a column of the table of the best. */
interface Column {
  readonly key: string;
  readonly title: string | undefined;
  /** False where only the best have it: then it is no column of --csv. */
  readonly isOfAll: boolean;
  /** Undefined where this network has none. */
  valueOf(member: number): number | undefined;
  show(value: number): string;
}

/** Results printed after a sweep. */
export interface SweepReport {
  readonly columns: readonly Column[];
  /** Members, the best first. */
  readonly ranking: readonly number[];
  readonly quantiles: readonly { readonly share: number; readonly loss: number }[];
  readonly stopped: readonly Stopped[];
  /** What the networks are ranked by. */
  readonly ranked: "held-out loss" | "training loss";
  /** The least loss; not finite where no network has such a one. */
  readonly best: number;
  /** Rows that the scores are taken over. */
  readonly rows: number;
  /** Networks that predict all these rows correctly. */
  readonly saturated: number;
  /** Networks that share the least loss. */
  readonly tied: number;
}

const shares = [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1];
const mostStopped = 5;

/** Options as people read them. */
export const axisNames: Readonly<Record<Axis, string>> = {
  learningRate: "learning rate",
  momentum: "momentum",
  weightDecay: "weight decay",
  seed: "seed",
};

/** NaN and infinity are no values of JSON or of a table. */
const finite = (value: number | undefined): number | undefined => (Number.isFinite(value) ? value : undefined);
/** Steps are −1 where there is none. */
const stepOf = (value: number | undefined): number | undefined => (value! >= 0 ? value : undefined);

type ColumnOptions = Pick<Column, "key" | "show"> & { readonly title?: string };

const valueColumn = ({ title, ...options }: ColumnOptions, values: FloatArray): Column => ({
  ...options,
  title,
  isOfAll: true,
  valueOf: (member) => finite(values[member]),
});

const stepColumn = (key: string, values: FloatArray, title?: string): Column => ({
  ...valueColumn({ key, show: grouped, ...(title !== undefined && { title }) }, values),
  valueOf: (member) => stepOf(values[member]),
});

function settingColumns({ settings, varied }: SweepPlan): Column[] {
  return axes.flatMap((key) => {
    const values = settings[key];
    if (!values) return [];
    const show = key === "seed" ? String : short;
    const isVaried = varied.includes(key); // the line `sweep` has the others
    return [valueColumn({ key, show, ...(isVaried && { title: axisNames[key] }) }, values)];
  });
}

function scoreColumns({ scores, isHeldOut, learned }: SweepResults): Column[] {
  const { losses, accuracies, memberMetrics = {} } = scores;
  const name = isHeldOut ? "heldOut" : "training";
  const title = isHeldOut ? "held-out loss" : "training loss";
  const learnedLoss = {
    key: "trainingLoss",
    title: "training loss",
    isOfAll: false,
    valueOf: (member: number) => finite(learned.get(member)),
    show: short,
  };
  return [
    valueColumn({ key: `${name}Loss`, title, show: short }, losses),
    ...(accuracies ? [valueColumn({ key: `${name}Accuracy`, title: "accuracy", show: percent }, accuracies)] : []),
    ...Object.entries(memberMetrics).map(([metric, values]) =>
      valueColumn({ key: `${name}${metric[0]!.toUpperCase()}${metric.slice(1)}`, title: metric, show: short }, values!),
    ),
    ...(isHeldOut ? [learnedLoss] : []),
  ];
}

/** How far each network came in successive halving. */
function halvingColumns({ halving }: SweepResults): Column[] {
  if (!halving) return [];
  const { bracketOf, steps } = halving;
  const brackets = Float64Array.from(bracketOf, (bracket) => bracket + 1);
  return [
    ...(brackets.some((bracket) => bracket > 1) ? [stepColumn("bracket", brackets, "bracket")] : []),
    stepColumn("steps", steps, "steps"),
    stepColumn("leftAtRung", rungsLeft(halving), "left at rung"),
  ];
}

const stepColumns = ({ training }: SweepResults): Column[] => [
  valueColumn({ key: "lastStepLoss", show: short }, training.finalLosses),
  valueColumn({ key: "bestStepLoss", show: short }, training.bestLosses),
  stepColumn("bestStep", training.bestSteps),
  stepColumn("stoppedAtStep", training.nonFiniteSteps),
];

export function reportOf(plan: SweepPlan, results: SweepResults): SweepReport {
  const { ranking, training, scores, isHeldOut } = results;
  const losses = rankedLosses(scores, training);
  const quantiles = quantilesOf(losses, shares);
  return {
    columns: [...scoreColumns(results), ...settingColumns(plan), ...halvingColumns(results), ...stepColumns(results)],
    ranking,
    quantiles: shares.map((share, k) => ({ share, loss: quantiles[k]! })),
    stopped: stoppedOf(training),
    ranked: isHeldOut ? "held-out loss" : "training loss",
    best: losses[ranking[0]!]!,
    rows: results.rows,
    saturated: perfectNetworks(results),
    tied: losses.filter((loss) => loss === losses[ranking[0]!]).length,
  };
}

/** Float32 has no more than nine digits. */
const digits = (value: number): number => Number(value.toPrecision(9));

/** `{ rank, member, heldOutLoss, …, learningRate, … }` of the best `count` networks. */
export const bestRecords = ({ columns, ranking }: SweepReport, count: number): object[] =>
  ranking.slice(0, count).map((member, rank) => ({
    rank: rank + 1,
    member,
    ...Object.fromEntries(columns.map(({ key, valueOf }) => [key, valueOf(member)])),
  }));

/** A line for each network, in the order of their numbers; cells are empty where there is no value. */
export function csvOf({ columns: all, ranking }: SweepReport): string {
  const columns = all.filter(({ isOfAll }) => isOfAll);
  const ranks = new Uint32Array(ranking.length);
  for (const [index, member] of ranking.entries()) ranks[member] = index + 1;
  const cell = (value: number | undefined): string => {
    if (value === undefined) return "";
    return String(Number.isSafeInteger(value) ? value : digits(value));
  };
  const lineOf = (rank: number, member: number): string =>
    [member, rank, ...columns.map(({ valueOf }) => cell(valueOf(member)))].join(",");
  const header = ["member", "rank", ...columns.map(({ key }) => key)].join(",");
  return `${[header, ...Array.from(ranks, lineOf)].join("\n")}\n`;
}

/** Cells in columns, right-aligned. */
export function alignRight(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column]!)).join("  "));
}

function bestLines({ columns, ranking }: SweepReport, count: number): string[] {
  const told = columns.filter(({ title }) => title !== undefined);
  const cellsOf = (member: number): string[] =>
    told.map(({ valueOf, show }) => {
      const value = valueOf(member);
      return value === undefined ? "–" : show(value);
    });
  const rows = ranking.slice(0, count).map((member, rank) => [String(rank + 1), String(member), ...cellsOf(member)]);
  return alignRight([["rank", "member", ...told.map(({ title }) => title!)], ...rows]);
}

function stoppedLine({ stopped, ranking }: SweepReport): string {
  if (stopped.length === 0) return `none of ${counted(ranking.length, "network")}`;
  const first = stopped.slice(0, mostStopped).map(({ member, step }) => `member ${member} at step ${grouped(step)}`);
  const more = stopped.length > mostStopped ? ", …" : "";
  return `${grouped(stopped.length)} of ${counted(ranking.length, "network")}: ${first.join(", ")}${more}`;
}

/** Notes where the best network is not clearly the best. */
export function rankingNotes({ ranking, ranked, rows, saturated, tied }: SweepReport): string[] {
  const isHeldOut = ranked === "held-out loss";
  const networks = counted(ranking.length, "network");
  const over = counted(rows, isHeldOut ? "held-out row" : "training row");
  const remedy = isHeldOut ? "; hold out more rows (--validation), or compare the best on new rows" : "";
  const perfect = `${grouped(saturated)} of ${networks} predict the class of all ${over} correctly, so only the loss ranks them${remedy}`;
  const second = isHeldOut ? "the training loss, then the number" : "the number";
  const equal = `${grouped(tied)} of ${networks} share the lowest ${ranked}; ties are ordered by ${second}`;
  return [...(saturated > 1 ? [perfect] : []), ...(tied > 1 ? [equal] : [])];
}

/** The best networks, how the loss is spread, and who has stopped. */
export function tellReport(output: Output, report: SweepReport, count: number): void {
  const { ranking, stopped, quantiles, ranked } = report;
  const live = Math.min(count, ranking.length - stopped.length);
  for (const [index, line] of bestLines(report, live).entries()) output.result(index === 0 ? "best" : "", line);
  const [heads, losses] = alignRight([
    quantiles.map(({ share }) => `${Math.round(share * 100)} %`),
    quantiles.map(({ loss }) => short(loss)),
  ]);
  output.result("quantiles", heads!);
  output.result("", `${losses!}  ${ranked}`);
  output.result("diverged", stoppedLine(report));
  for (const note of rankingNotes(report)) output.result("note", note);
}
