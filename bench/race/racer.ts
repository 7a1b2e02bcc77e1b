import type { Counts } from "../measure/counters.ts";
import { median, summarize } from "../measure/statistics.ts";
import type { ContenderCard } from "./contract.ts";
import type { Block, GpuTime, Lane, Prepared } from "./host.ts";
import { distrustBlocks, distrustRates, ratesOf } from "./plausibility.ts";
import type { Check, FailedRow, RaceCeilings, Row, TimedRow } from "./record.ts";
import type { Work } from "./workload.ts";

/** One contender at one point, and all that is known of it so far. */
export interface Racer {
  readonly card: ContenderCard;
  /** A second thread of the base contender. */
  readonly isNoise: boolean;
  lane: Lane | undefined;
  prepared?: Prepared;
  check?: Check;
  audit?: Check;
  roundsPerBlock: number;
  roundMs: number;
  /** Per round of blocks; undefined where it sat out. */
  readonly blocks: (Block | undefined)[];
  hiddenBlocks: number;
  counts?: Counts & { readonly rounds: number };
  readonly gpu: GpuTime[];
  readonly notes: string[];
  failure?: { readonly status: FailedRow["status"]; readonly reason: string };
}

export const createRacer = (card: ContenderCard, isNoise: boolean, lane: Lane | undefined): Racer => ({
  card,
  isNoise,
  lane,
  roundsPerBlock: 1,
  roundMs: 0,
  blocks: [],
  hiddenBlocks: 0,
  gpu: [],
  notes: [],
});

export const isLive = (racer: Racer): boolean => racer.failure === undefined;

export const blocksOf = ({ blocks }: Racer): Block[] => blocks.filter((block) => block !== undefined);

/** Blocks by round; undefined where one was sat out. */
type Times = readonly (Pick<Block, "ms"> | undefined)[];

/** Own time over another's, of every round of blocks that both took part in. */
export function pairedRatios(own: Times, base: Times): number[] {
  return own.flatMap((block, round) => {
    const other = base[round];
    return block && other ? [block.ms / other.ms] : [];
  });
}

function gpuOf({ gpu }: Racer): Pick<TimedRow, "gpu"> {
  const [first] = gpu;
  if (!first) return {};
  const samples = gpu.map(({ msPerRound }) => msPerRound);
  const { passesPerRound, resolutionNs } = first;
  return { gpu: { samples, medianMs: median(samples), passesPerRound, resolutionNs } };
}

/** What stays equal whatever the row says. */
const headOf = ({ card, prepared }: Racer) => ({
  contender: card.name,
  label: card.label,
  version: prepared?.version ?? "unknown",
  ...(prepared?.settings ? { settings: { ...prepared.settings } } : {}),
});

function timedRow(racer: Racer, base: Racer, work: Work, ceilings: RaceCeilings | undefined): TimedRow {
  const { card, isNoise, prepared, check, audit, roundsPerBlock, counts, hiddenBlocks, notes } = racer;
  const blocks = blocksOf(racer);
  const samples = blocks.map(({ ms }) => ms);
  const ratios = pairedRatios(racer.blocks, base.blocks);
  const { steps } = blocks[0]!;
  const summary = summarize(samples);
  const roundMs = summary.median / (steps ?? 1);
  return {
    status: "timed",
    ...headOf(racer),
    isNoise,
    check: check!,
    audit: audit ?? { deviations: [], passed: false },
    prepareMs: prepared!.prepareMs,
    firstRoundMs: prepared!.firstRoundMs,
    roundsPerBlock,
    samples,
    summary,
    handOver: summarize(blocks.map(({ handOverMs }) => handOverMs)),
    ratios,
    ratio: summarize(ratios),
    ...gpuOf(racer),
    ...(counts && card.processor !== "cpu" ? { counts } : {}),
    ...(steps === undefined ? {} : { steps }),
    rates: ratesOf(work, roundMs, card.processor, ceilings),
    hiddenBlocks,
    notes: [...notes],
  };
}

function failedRow(racer: Racer, status: FailedRow["status"], reason: string): FailedRow {
  const { check, audit } = racer;
  const shown = audit ?? check;
  return { status, ...headOf(racer), reason, ...(shown ? { check: shown } : {}) };
}

/** What the record says of a racer: its times, or why there are none. */
export function rowOf(racer: Racer, base: Racer, work: Work, ceilings: RaceCeilings | undefined): Row {
  const { failure, audit } = racer;
  if (failure) return failedRow(racer, failure.status, failure.reason);
  if (audit && !audit.passed)
    return failedRow(racer, "wrong", "after timing, its state differs from the float64 reference");
  const distrust = distrustBlocks(blocksOf(racer));
  if (distrust) return failedRow(racer, "implausible", distrust);
  return timedRow(racer, isLive(base) ? base : racer, work, ceilings);
}

/** A row held against the ceilings of the whole run: noise can only have lowered those seen before. */
export function judgedRow(row: Row, card: ContenderCard, work: Work, ceilings: RaceCeilings): Row {
  if (row.status !== "timed") return row;
  const rates = ratesOf(work, row.summary.median / (row.steps ?? 1), card.processor, ceilings);
  const reason = distrustRates(rates);
  if (!reason) return { ...row, rates };
  const { contender, label, version, check, settings } = row;
  return { status: "implausible", contender, label, version, reason, check, ...(settings ? { settings } : {}) };
}
