import { median, type Summary, summarize } from "../measure/statistics.ts";
import { pairedRatios } from "../race/racer.ts";

// What blocks of several contenders that took turns tell of each other.

/** One block, in milliseconds of one of its runs. */
export interface Block {
  readonly ms: number;
}

/** Blocks by round; undefined where the contender sat out. */
export interface Series {
  readonly blocks: readonly (Block | undefined)[];
}

/** Milliseconds per run of all blocks that were taken. */
export const samplesOf = ({ blocks }: Series): number[] => blocks.flatMap((block) => (block ? [block.ms] : []));

const medianOf = (series: Series): number => median(samplesOf(series));

/** Paired by round of blocks where both were timed often, else of the medians: who is slow is measured once. */
export function ratioOf(own: Series, other: Series): Summary {
  const isOnce = Math.min(samplesOf(own).length, samplesOf(other).length) < 2;
  return summarize(isOnce ? [medianOf(own) / medianOf(other)] : pairedRatios(own.blocks, other.blocks));
}

/** The series with the least median. */
export const fastestOf = <Timed extends Series>(first: Timed, others: readonly Timed[]): Timed =>
  others.reduce((best, each) => (medianOf(each) < medianOf(best) ? each : best), first);
