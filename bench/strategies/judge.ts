import type { StrategyName } from "../../src/backend/executor.ts";
import { fastestOf, ratioOf, samplesOf, type Series } from "../sweeps/series.ts";
import { type Crossover, isTimed, type StrategiesPoint, type PlannersPick, type TimedPath } from "./record.ts";

// Which strategy is the fastest, where another one becomes it, and whether the planner has seen it.

/** Milliseconds per step of one strategy. */
export interface StrategySeries extends Series {
  readonly strategy: StrategyName;
}

/**
 * A pick is slower where the upper three quarters of its ratios lie outside of what the same strategy does to itself: which of two
 * equal series is the slower one is chance, so that the noise counts in both directions.
 * @param timed a series for each strategy that has times
 * @param again a second series of the picked strategy
 */
export function judgePick(
  pick: StrategyName,
  timed: readonly StrategySeries[],
  again: StrategySeries | undefined,
): Omit<PlannersPick, "strategy" | "reason"> {
  const own = timed.find(({ strategy }) => strategy === pick);
  const [first, ...others] = timed;
  if (!first) return { verdict: "no times" };
  const fastest = fastestOf(first, others);
  if (!own) return { verdict: "no times", fastest: fastest.strategy };
  const ratio = ratioOf(own, fastest);
  const noise = again && samplesOf(again).length > 0 ? ratioOf(again, own) : undefined;
  const found = { fastest: fastest.strategy, ratio, ...(noise && { noise }) };
  if (own === fastest) return { verdict: "fastest", ...found };
  const floor = noise ? Math.max(1, noise.upperQuartile, 1 / noise.lowerQuartile) : 1;
  return { verdict: ratio.lowerQuartile > floor ? "slower" : "within noise", ...found };
}

/** The strategy with the least median; undefined where none has times. */
export function fastestAt({ rows }: Pick<StrategiesPoint, "rows">): TimedPath | undefined {
  const timed = rows.filter(isTimed);
  return timed.toSorted((a, b) => a.summary.median - b.summary.median)[0];
}

const msOf = ({ rows }: StrategiesPoint, strategy: StrategyName): number | undefined =>
  rows.filter(isTimed).find((row) => row.strategy === strategy)?.summary.median;

/** Where two lines cross on log axes, between two points that both have; the middle between these where one has but one. */
function crossingOf(below: StrategiesPoint, above: StrategiesPoint, from: StrategyName, to: StrategyName): number {
  const logs = [msOf(below, from), msOf(below, to), msOf(above, from), msOf(above, to)].map((ms) =>
    Math.log(ms ?? Number.NaN),
  );
  const [fromBelow, toBelow, fromAbove, toAbove] = logs as [number, number, number, number];
  const lead = toBelow - fromBelow;
  const share = lead / (lead + fromAbove - toAbove);
  return below.x * (above.x / below.x) ** (Number.isFinite(share) ? share : 0.5);
}

/** Every change of the fastest strategy from one point that has times to the next. @param points in any order */
export function crossoversOf(points: readonly StrategiesPoint[]): Crossover[] {
  const timed = points.filter(fastestAt).toSorted((a, b) => a.x - b.x);
  return timed.slice(1).flatMap((above, at) => {
    const below = timed[at]!;
    const [from, to] = [fastestAt(below)!.strategy, fastestAt(above)!.strategy];
    if (from === to) return [];
    return [{ from, to, below: below.x, above: above.x, at: crossingOf(below, above, from, to) }];
  });
}
