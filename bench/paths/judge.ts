import type { PathName } from "../../src/executor.ts";
import { median, type Summary, summarize } from "../measure/statistics.ts";
import { pairedRatios } from "../race/racer.ts";
import { type Crossover, isTimed, type PathsPoint, type PlannersPick, type TimedPath } from "./record.ts";

// Which path is the fastest, where another one becomes it, and whether the planner has seen it.

/** One block, in milliseconds per step. */
export interface Block {
  readonly ms: number;
}

/** Blocks of one path by round; undefined where it sat out. */
export interface Series {
  readonly path: PathName;
  readonly blocks: readonly (Block | undefined)[];
}

/** Milliseconds per step of all blocks that were taken. */
export const samplesOf = ({ blocks }: Pick<Series, "blocks">): number[] =>
  blocks.flatMap((block) => (block ? [block.ms] : []));

const medianOf = (series: Series): number => median(samplesOf(series));

/** Paired by round of blocks where both were timed often, else of the medians: a slow path is measured once. */
function ratioOf(own: Series, other: Series): Summary {
  const isOnce = Math.min(samplesOf(own).length, samplesOf(other).length) < 2;
  return summarize(isOnce ? [medianOf(own) / medianOf(other)] : pairedRatios(own.blocks, other.blocks));
}

/**
 * A pick is slower where the upper three quarters of its ratios lie outside of what the same path does to itself: which of two
 * equal series is the slower one is chance, so that the noise counts in both directions.
 * @param timed a series for each path that has times
 * @param again a second series of the picked path
 */
export function judgePick(
  pick: PathName,
  timed: readonly Series[],
  again: Series | undefined,
): Omit<PlannersPick, "path" | "reason"> {
  const own = timed.find(({ path }) => path === pick);
  const [first, ...others] = timed;
  if (!first) return { verdict: "no times" };
  const fastest = others.reduce((best, each) => (medianOf(each) < medianOf(best) ? each : best), first);
  if (!own) return { verdict: "no times", fastest: fastest.path };
  const ratio = ratioOf(own, fastest);
  const noise = again && samplesOf(again).length > 0 ? ratioOf(again, own) : undefined;
  const found = { fastest: fastest.path, ratio, ...(noise && { noise }) };
  if (own === fastest) return { verdict: "fastest", ...found };
  const floor = noise ? Math.max(1, noise.upperQuartile, 1 / noise.lowerQuartile) : 1;
  return { verdict: ratio.lowerQuartile > floor ? "slower" : "within noise", ...found };
}

/** The path with the least median; undefined where none has times. */
export function fastestAt({ rows }: Pick<PathsPoint, "rows">): TimedPath | undefined {
  const timed = rows.filter(isTimed);
  return timed.toSorted((a, b) => a.summary.median - b.summary.median)[0];
}

const msOf = ({ rows }: PathsPoint, path: PathName): number | undefined =>
  rows.filter(isTimed).find((row) => row.path === path)?.summary.median;

/** Where two lines cross on log axes, between two points that both have; the middle between these where one has but one. */
function crossingOf(below: PathsPoint, above: PathsPoint, from: PathName, to: PathName): number {
  const logs = [msOf(below, from), msOf(below, to), msOf(above, from), msOf(above, to)].map((ms) =>
    Math.log(ms ?? Number.NaN),
  );
  const [fromBelow, toBelow, fromAbove, toAbove] = logs as [number, number, number, number];
  const lead = toBelow - fromBelow;
  const share = lead / (lead + fromAbove - toAbove);
  return below.x * (above.x / below.x) ** (Number.isFinite(share) ? share : 0.5);
}

/** Every change of the fastest path from one point that has times to the next. @param points in any order */
export function crossoversOf(points: readonly PathsPoint[]): Crossover[] {
  const timed = points.filter(fastestAt).toSorted((a, b) => a.x - b.x);
  return timed.slice(1).flatMap((above, at) => {
    const below = timed[at]!;
    const [from, to] = [fastestAt(below)!.path, fastestAt(above)!.path];
    if (from === to) return [];
    return [{ from, to, below: below.x, above: above.x, at: crossingOf(below, above, from, to) }];
  });
}
