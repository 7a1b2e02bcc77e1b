import type { Dataset, FloatArray } from "../../src/backend/executor.ts";
import type { JudgeRunner, RaceHost, Effort } from "./host.ts";
import { checkOf, deviationOf } from "./plausibility.ts";
import { blocksOf, isLive, type Racer } from "./racer.ts";
import type { PointPlan } from "./races.ts";
import type { StepWorkload, Workload } from "./workload.ts";

/** What a point needs beside its racers. */
export interface PointRun {
  readonly plan: PointPlan;
  readonly data: Dataset | undefined;
  readonly effort: Effort;
  /** `vendor architecture` that every WebGPU contender must run on. */
  readonly adapter: string;
  readonly judge: JudgeRunner;
  readonly visibility: RaceHost["visibility"];
  readonly signal: AbortSignal | undefined;
  readonly tell: (phase: string, contender: string) => void;
}

const checkRounds = [1, 3, 10, 100] as const;
/** Rounds whose calls are counted, as far as the time goes: one dispatch may take a thousand steps, and one submit many more. */
const countedRounds = { least: 64, most: 1000, ms: 250 } as const;
const gpuBlocks = 3;
/** Dispatches whose passes fit the query set of the GPU clock, with room to spare. */
const gpuPasses = 1500;
/** Rounds that are replayed in stretches at most, of so many rounds each, or half of them. */
const longestReplay = 200;
const replayStretch = 8;
/** The contender's own arithmetic twice: threads may sum in another order, but nothing may be missing. */
const replayBound = 1e-3;
/** A goal is no fixed number of rounds: its steps are audited as such. */
const goalAuditRounds = 500;

/** Rejects when `promise` takes longer than `limitMs`, and when the race is stopped. */
async function within<T>(promise: Promise<T>, limitMs: number, signal: AbortSignal | undefined): Promise<T> {
  let reject: (reason: Error) => void = () => {};
  const ended = new Promise<never>((_, rejectLater) => (reject = rejectLater));
  const stop = (): void => reject(signal!.reason as Error);
  const late = (): void => reject(new Error(`no answer within ${(limitMs / 1000).toPrecision(2)} s`));
  const timer = setTimeout(late, limitMs);
  signal?.addEventListener("abort", stop);
  try {
    return await Promise.race([promise, ended]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/** One thing that every racer does. */
interface Phase {
  readonly name: string;
  readonly act: (racer: Racer) => Promise<void>;
  /** What it should take by the racer's own pace, in milliseconds. */
  readonly expectedMs?: (racer: Racer) => number;
  /** True once times are taken: what goes wrong then is a note, and ends nobody's part. */
  readonly isAfterTiming?: boolean;
}

/** Runs a phase with every racer that is still in the race, one after the other; an error ends that racer's part alone. */
async function each(racers: readonly Racer[], { effort, signal, tell }: PointRun, phase: Phase): Promise<void> {
  for (const racer of racers.filter((one) => isLive(one) && one.lane)) {
    signal?.throwIfAborted();
    tell(phase.name, racer.card.name);
    const limitMs = Math.max(effort.patienceMs, 2 * (phase.expectedMs?.(racer) ?? 0));
    try {
      await within(phase.act(racer), limitMs, signal);
    } catch (error) {
      signal?.throwIfAborted();
      const { name, message } = error as Error;
      if (phase.isAfterTiming) racer.notes.push(`${phase.name}: ${message}`);
      else racer.failure = { status: name === "CannotTakePart" ? "absent" : "failed", reason: message };
      racer.lane?.terminate();
      racer.lane = undefined;
    }
  }
}

const isGoal = (workload: Workload): workload is StepWorkload & { goal: NonNullable<StepWorkload["goal"]> } =>
  workload.kind === "step" && workload.goal !== undefined;

async function prepare(racers: readonly Racer[], run: PointRun): Promise<void> {
  const act = async (racer: Racer): Promise<void> => {
    racer.prepared = await racer.lane!.runner.prepare(run.plan.workload, run.data, run.effort.slowestRoundMs);
    const { adapters } = racer.prepared;
    const strangers = adapters.filter((adapter) => adapter !== run.adapter);
    if (strangers.length > 0) throw new Error(`it runs on ${strangers.join(", ")} instead of ${run.adapter}`);
  };
  await each(racers, run, { name: "prepares", act });
}

/** Holds every state after 1, 3, 10 and 100 rounds against float64, as far as the reference can follow. */
async function check(racers: readonly Racer[], run: PointRun): Promise<void> {
  const { plan, data, effort, judge } = run;
  run.tell("follows in float64", "reference");
  const { workload } = plan;
  const request = { workload, data, rounds: checkRounds, limitMs: effort.referenceMs };
  const references = await within(judge.states(request), effort.patienceMs, run.signal);
  const act = async (racer: Racer): Promise<void> => {
    const deviations = [];
    let done = 0;
    for (const reference of references.slice(1)) {
      const startMs = performance.now();
      const state = await racer.lane!.runner.advance(reference.rounds - done);
      deviations.push(deviationOf(workload, state, reference, references[0]!.state));
      const roundMs = (performance.now() - startMs) / (reference.rounds - done);
      done = reference.rounds;
      if (done >= 3 && roundMs * 9 * done > effort.contenderMs) break;
    }
    racer.check = checkOf(deviations);
    await racer.lane!.runner.restart();
    if (racer.check.passed) return;
    racer.failure = { status: "wrong", reason: "before timing, its state differs from the float64 reference" };
  };
  await each(racers, run, { name: "checks", act });
}

/** Repeats `measure` until the page could be seen all through it. */
async function unhidden<T>(racer: Racer, { visibility }: PointRun, measure: () => Promise<T>): Promise<T> {
  for (;;) {
    const startMs = performance.now();
    const measured = await measure();
    if (!visibility.wasHiddenSince(startMs)) return measured;
    racer.hiddenBlocks++;
    await visibility.shown();
  }
}

const leastRoundsOf = (workload: Workload): number => (workload.kind === "step" && workload.leastRounds) || 1;

async function calibrate(racers: readonly Racer[], run: PointRun): Promise<void> {
  await run.visibility.shown();
  const act = async (racer: Racer): Promise<void> => {
    const { rounds, ms } = await unhidden(racer, run, () => racer.lane!.runner.calibrate(run.effort));
    racer.roundsPerBlock = Math.max(rounds, leastRoundsOf(run.plan.workload));
    racer.roundMs = ms;
  };
  await each(racers, run, { name: "warms up", act });
}

/** Blocks that fit the time of one contender. */
function blocksFor({ roundMs, roundsPerBlock }: Racer, { blocks, leastBlocks, contenderMs }: Effort): number {
  return Math.max(leastBlocks, Math.min(blocks, Math.floor(contenderMs / (roundMs * roundsPerBlock))));
}

/** A block that is shorter than this share of what it should be is repeated with more rounds. */
const shortestShare = 0.8;

/** One block; where noise had made the warm-up slow, blocks grow until they are long enough. */
async function timeBlock(racer: Racer, run: PointRun): Promise<void> {
  const { blockMs } = run.effort;
  for (;;) {
    const block = await unhidden(racer, run, () => racer.lane!.runner.block(racer.roundsPerBlock));
    const ms = block.ms * racer.roundsPerBlock;
    if (block.steps !== undefined || ms >= shortestShare * blockMs) return void racer.blocks.push(block);
    racer.roundsPerBlock = Math.ceil((1.1 * racer.roundsPerBlock * blockMs) / ms);
  }
}

/** A, B, …, B, A, …: what drifts in the machine meets all of them, and neighbours swap sides. */
async function timeBlocks(racers: readonly Racer[], run: PointRun): Promise<void> {
  const { blocks } = run.effort;
  const shares = new Map(racers.map((racer) => [racer, blocksFor(racer, run.effort)]));
  for (let round = 0; round < blocks; round++) {
    await run.visibility.shown();
    const order = round % 2 === 0 ? racers : racers.toReversed();
    const taking = order.filter((racer) => round < shares.get(racer)!);
    for (const racer of order.filter((one) => !taking.includes(one))) racer.blocks.push(undefined);
    await each(taking, run, {
      name: `times, round ${round + 1} of ${blocks}`,
      act: (racer) => timeBlock(racer, run),
      expectedMs: ({ roundMs, roundsPerBlock }) => roundMs * roundsPerBlock,
    });
  }
  for (const racer of racers.filter(isLive)) {
    const count = blocksOf(racer).length;
    if (count < blocks) racer.notes.push(`${count} blocks instead of ${blocks}: it is slow here`);
  }
}

/** Milliseconds of one round; of one step where a round is a whole training. */
function paceOf({ roundMs, blocks }: Racer): number {
  const steps = blocks.find((block) => block !== undefined)?.steps;
  return steps === undefined ? roundMs : roundMs / steps;
}

/** Rounds that a racer gets done in its time. */
const roundsWithin = (racer: Racer, ms: number): number => Math.max(1, Math.floor(ms / paceOf(racer)));

function roundsToCount(racer: Racer, { contenderMs }: Effort): number {
  const { least, most, ms } = countedRounds;
  return Math.min(most, Math.max(roundsWithin(racer, ms), Math.min(least, roundsWithin(racer, contenderMs / 4))));
}

async function countCalls(racers: readonly Racer[], run: PointRun): Promise<void> {
  const act = async (racer: Racer): Promise<void> => {
    if (racer.card.processor === "cpu") return;
    const { runner } = racer.lane!;
    const counted = roundsToCount(racer, run.effort);
    const counts = await runner.count(counted);
    racer.counts = { rounds: counted, ...counts };
    const perRound = Math.max(1, counts.passes / counted);
    const timed = Math.max(1, Math.min(counted, Math.floor(gpuPasses / perRound)));
    for (let block = 0; block < gpuBlocks; block++) {
      const time = await runner.timeGpu(timed);
      if (time) racer.gpu.push(time);
    }
  };
  await each(racers, run, { name: "counts", act, isAfterTiming: true });
}

/**
 * What was fast because it left something out is found here, after it could have behaved for the check: from the start, as
 * many rounds as a timed block had are handed over in one go, so far as the reference can follow. Where it cannot, the same
 * rounds in short stretches, each read back, must lead to the same state.
 */
async function audit(racers: readonly Racer[], run: PointRun): Promise<void> {
  const { plan, data, effort, judge } = run;
  const { workload } = plan;
  const live = racers.filter(isLive);
  run.tell("follows in float64", "reference");
  const affordable = Math.max(1, Math.floor(effort.auditMs / (2 * (await judge.roundMs()))));
  const blockRounds = (racer: Racer): number =>
    Math.min(roundsWithin(racer, effort.contenderMs / 4), isGoal(workload) ? goalAuditRounds : racer.roundsPerBlock);
  const roundsOf = (racer: Racer): number => Math.min(affordable, blockRounds(racer));
  const rounds = [...new Set(live.map(roundsOf))].sort((a, b) => a - b);
  const request = { workload, data, rounds, limitMs: 4 * effort.auditMs };
  const references = await within(judge.states(request), effort.patienceMs, run.signal);
  const start = references[0]!.state;
  const act = async (racer: Racer): Promise<void> => {
    const { runner } = racer.lane!;
    const reference = references.slice(1).findLast((one) => one.rounds <= roundsOf(racer)); // the first is the start
    const deviations = [];
    if (reference) {
      await runner.restart();
      deviations.push(deviationOf(workload, await runner.advance(reference.rounds), reference, start));
    }
    const wanted = Math.min(blockRounds(racer), longestReplay);
    if (wanted > (reference?.rounds ?? 0)) deviations.push(await replay(racer, workload, wanted, start));
    racer.audit = checkOf(deviations);
  };
  await each(live, run, { name: "audits", act, isAfterTiming: true });
}

/** The same rounds in one go and in stretches that are read back, held against each other. */
async function replay(racer: Racer, workload: Workload, rounds: number, start: FloatArray) {
  const { runner } = racer.lane!;
  await runner.restart();
  const whole = await runner.advance(rounds);
  await runner.restart();
  const stretch = Math.max(1, Math.min(replayStretch, Math.floor(rounds / 2)));
  let state = whole;
  for (let done = 0; done < rounds; done += stretch) state = await runner.advance(Math.min(stretch, rounds - done));
  const { deviation } = deviationOf(workload, whole, { rounds, state, rounded: state }, start);
  return { rounds, deviation, bound: replayBound };
}

/** All racers at one point, by the protocol: check, warm up, time in turn, count, audit. Fills the racers in. */
export async function runPoint(racers: readonly Racer[], run: PointRun): Promise<void> {
  await prepare(racers, run);
  await check(racers, run);
  await calibrate(racers, run);
  await timeBlocks(racers, run);
  await countCalls(racers, run);
  await audit(racers, run);
  await each(racers, run, { name: "releases", act: (racer) => racer.lane!.runner.release(), isAfterTiming: true });
}
