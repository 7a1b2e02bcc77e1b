import { type Summary, summarize } from "../measure/statistics.ts";
import type { Point, RaceRecord, Row, TimedRow } from "../race/record.ts";

export type Verdict = "faster" | "slower" | "within noise";

/** One point: thalweg now over thalweg then. */
export interface Comparison {
  readonly race: string;
  readonly point: string;
  /** Below 1 is faster now. */
  readonly ratio: Summary;
  /** Of thalweg over itself, in a thread of its own. */
  readonly noise: Summary;
  readonly verdict: Verdict;
}

/** A point that could not be compared, and why. */
export interface NoComparison {
  readonly race: string;
  readonly point: string;
  readonly reason: string;
}

/**
 * The middle half of the ratios must lie outside of what the same code does to itself. Which of two equal threads is the
 * slower one is chance: the noise counts in both directions.
 */
function verdictOf(ratio: Summary, { lowerQuartile, upperQuartile }: Summary): Verdict {
  const noise = Math.max(1, upperQuartile, 1 / lowerQuartile);
  if (ratio.upperQuartile < 1 / noise) return "faster";
  return ratio.lowerQuartile > noise ? "slower" : "within noise";
}

const isTimed = (row: Row | undefined): row is TimedRow => row?.status === "timed";
const reasonOf = (name: string, row: Row | undefined): string =>
  row && !isTimed(row) ? `${name} ${row.status}: ${row.reason}` : `${name} has no times`;

function comparePoint(race: string, { name: point, rows }: Point, baseline: string): Comparison | NoComparison {
  const then = rows.find(({ contender }) => contender === baseline);
  const noise = rows.filter(isTimed).find((row) => row.isNoise);
  if (!isTimed(then)) return { race, point, reason: reasonOf(baseline, then) };
  if (!noise) return { race, point, reason: "thalweg has no second series to tell noise by" };
  const ratio = summarize(then.ratios.map((value) => 1 / value));
  return { race, point, ratio, noise: noise.ratio, verdict: verdictOf(ratio, noise.ratio) };
}

/** @param baseline name of the older revision among the contenders */
export const compare = ({ races }: Pick<RaceRecord, "races">, baseline: string): (Comparison | NoComparison)[] =>
  races.flatMap(({ name, points }) => points.map((point) => comparePoint(name, point, baseline)));

const digits = (value: number): string => value.toFixed(3);
const spread = ({ median, lowerQuartile, upperQuartile }: Summary): string =>
  `${digits(median)} (${digits(lowerQuartile)} … ${digits(upperQuartile)})`;

/** A table in Markdown: one line and one verdict per point. */
export function writeComparison(comparisons: readonly (Comparison | NoComparison)[], baseline: string): string {
  const lines = comparisons.map((found) =>
    "reason" in found
      ? `| ${found.race} | ${found.point} | — | — | none: ${found.reason} |`
      : `| ${found.race} | ${found.point} | ${spread(found.ratio)} | ${spread(found.noise)} | ${found.verdict} |`,
  );
  return [
    `Time of thalweg as it is ÷ time of ${baseline}: median (quartiles); below 1 is faster now. Noise: thalweg ÷ itself.`,
    "",
    "| race | point | ratio | noise | verdict |",
    "|---|---|---|---|---|",
    ...lines,
    "",
  ].join("\n");
}
