import type { Block } from "./series.ts";

// Blocks of many runs that last long enough, by contenders that take turns.

/** Who is timed, and how many runs its blocks have come to. */
export interface Paced {
  /** Runs of one call; undefined: all of a block's. */
  atOnce: number | undefined;
  runsPerBlock: number;
  /** Milliseconds of one run, about. */
  runMs: number;
}

/** Milliseconds of so many runs, `atOnce` a call. */
export type TimeRuns = (runs: number, atOnce: number | undefined) => Promise<number>;

export interface Pace {
  readonly blocks: number;
  readonly blockMs: number;
  /** The blocks of one contender may take so long, else there are fewer; never below `leastBlocks`. */
  readonly contenderMs: number;
  readonly leastBlocks: number;
}

/** A block that is shorter than this share of what it should be is repeated with more runs. */
const shortestShare = 0.8;

/** Blocks are whole calls. */
function growBlock(paced: Paced, factor: number): void {
  const { atOnce = 1, runsPerBlock } = paced;
  paced.runsPerBlock = atOnce * Math.ceil((factor * runsPerBlock) / atOnce);
}

/** Grows blocks until they are long enough, and the contender is warm. */
export async function warmUp(
  paced: Paced,
  { blockMs, warmUpMs }: Pick<Pace, "blockMs"> & { readonly warmUpMs: number },
  time: TimeRuns,
): Promise<void> {
  let spentMs = 0;
  for (;;) {
    const ms = await time(paced.runsPerBlock, paced.atOnce);
    spentMs += ms;
    paced.runMs = ms / paced.runsPerBlock;
    if (ms >= blockMs && spentMs >= warmUpMs) return;
    if (ms < blockMs) growBlock(paced, Math.min(8, Math.max(1.2, (1.2 * blockMs) / ms)));
  }
}

/** Takes one block. */
export async function timeBlock(paced: Paced, blockMs: number, time: TimeRuns): Promise<Block> {
  for (;;) {
    const ms = await time(paced.runsPerBlock, paced.atOnce);
    if (ms >= shortestShare * blockMs) return { ms: ms / paced.runsPerBlock };
    growBlock(paced, (1.1 * blockMs) / ms);
  }
}

/** Blocks that a contender has the time for. */
export function affordableBlocks(
  { runMs, runsPerBlock }: Paced,
  { blocks, contenderMs, leastBlocks }: Omit<Pace, "blockMs">,
): number {
  return Math.max(leastBlocks, Math.min(blocks, Math.floor(contenderMs / (runMs * runsPerBlock))));
}

/** A, B, …, B, A, …: what drifts in the machine meets all of them, and neighbours swap sides. */
export async function takeTurns<Contender>(
  contenders: readonly Contender[],
  rounds: number,
  take: (contender: Contender, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) await take(contender, round);
  }
}
