import type { Dataset } from "../../src/executor.ts";
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

const checkRounds = [1, 10, 100] as const;
const countedRounds = 64;
const gpuBlocks = 3;
/** Dispatches whose passes fit the query set of the GPU clock, with room to spare. */
const gpuPasses = 1500;
/** A goal is no fixed number of rounds: its steps are audited as such. */
const goalAuditRounds = 500;

/** Rejects when `promise` takes longer than `limitMs`, and when the race is stopped. */
async function within<T>(promise: Promise<T>, limitMs: number, signal: AbortSignal | undefined): Promise<T> {
  let reject: (reason: Error) => void = () => {};
  const ended = new Promise<never>((_, rejectLater) => (reject = rejectLater));
  const stop = (): void => reject(signal!.reason as Error);
  const late = (): void => reject(new Error(`no answer within ${(limitMs / 1000).toFixed(0)} s`));
  const timer = setTimeout(late, limitMs);
  signal?.addEventListener("abort", stop);
  try {
    return await Promise.race([promise, ended]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/** Runs `action` with every racer that is still in the race, one after the other; an error ends that racer's part alone. */
async function each(
  racers: readonly Racer[],
  { effort, signal, tell }: PointRun,
  phase: string,
  action: (racer: Racer) => Promise<void>,
): Promise<void> {
  for (const racer of racers.filter(isLive)) {
    signal?.throwIfAborted();
    tell(phase, racer.card.name);
    try {
      await within(action(racer), effort.patienceMs, signal);
    } catch (error) {
      signal?.throwIfAborted();
      const { name, message } = error as Error;
      racer.failure = { status: name === "CannotTakePart" ? "absent" : "failed", reason: message };
      racer.lane?.terminate();
      racer.lane = undefined;
    }
  }
}

const isGoal = (workload: Workload): workload is StepWorkload & { goal: NonNullable<StepWorkload["goal"]> } =>
  workload.kind === "step" && workload.goal !== undefined;

async function prepare(racers: readonly Racer[], run: PointRun): Promise<void> {
  await each(racers, run, "prepares", async (racer) => {
    racer.prepared = await racer.lane!.runner.prepare(run.plan.workload, run.data);
    const { adapters } = racer.prepared;
    const strangers = adapters.filter((adapter) => adapter !== run.adapter);
    if (strangers.length > 0) throw new Error(`it runs on ${strangers.join(", ")} instead of ${run.adapter}`);
  });
}

/** Holds every state after 1, 10 and 100 rounds against float64, as far as the reference can follow. */
async function check(racers: readonly Racer[], run: PointRun): Promise<void> {
  const { plan, data, effort, judge } = run;
  run.tell("follows in float64", "reference");
  const { workload } = plan;
  const request = { workload, data, rounds: checkRounds, limitMs: effort.referenceMs };
  const references = await within(judge.states(request), effort.patienceMs, run.signal);
  await each(racers, run, "checks", async (racer) => {
    const deviations = [];
    let done = 0;
    for (const reference of references) {
      const startMs = performance.now();
      const state = await racer.lane!.runner.advance(reference.rounds - done);
      deviations.push(deviationOf(workload, state, reference));
      const roundMs = (performance.now() - startMs) / (reference.rounds - done);
      done = reference.rounds;
      if (roundMs * 9 * done > effort.contenderMs) break;
    }
    racer.check = checkOf(deviations);
    await racer.lane!.runner.restart();
    if (racer.check.passed) return;
    racer.failure = { status: "wrong", reason: "before timing, its state differs from the float64 reference" };
  });
}

async function calibrate(racers: readonly Racer[], run: PointRun): Promise<void> {
  await each(racers, run, "warms up", async (racer) => {
    const { rounds, ms } = await racer.lane!.runner.calibrate(run.effort);
    racer.roundsPerBlock = rounds;
    racer.roundMs = ms;
  });
}

/** Blocks that fit the time of one contender. */
function blocksFor({ roundMs, roundsPerBlock }: Racer, { blocks, leastBlocks, contenderMs }: Effort): number {
  return Math.max(leastBlocks, Math.min(blocks, Math.floor(contenderMs / (roundMs * roundsPerBlock))));
}

async function timeBlock(racer: Racer, { visibility }: PointRun): Promise<void> {
  for (;;) {
    await visibility.shown();
    const startMs = performance.now();
    const block = await racer.lane!.runner.block(racer.roundsPerBlock);
    if (!visibility.wasHiddenSince(startMs)) return void racer.blocks.push(block);
    racer.hiddenBlocks++;
  }
}

/** A, B, …, B, A, …: what drifts in the machine meets all of them, and neighbours swap sides. */
async function timeBlocks(racers: readonly Racer[], run: PointRun): Promise<void> {
  const { blocks } = run.effort;
  const shares = new Map(racers.map((racer) => [racer, blocksFor(racer, run.effort)]));
  for (let round = 0; round < blocks; round++) {
    const order = round % 2 === 0 ? racers : racers.toReversed();
    const taking = order.filter((racer) => round < shares.get(racer)!);
    for (const racer of order.filter((one) => !taking.includes(one))) racer.blocks.push(undefined);
    await each(taking, run, `times, round ${round + 1} of ${blocks}`, (racer) => timeBlock(racer, run));
  }
  for (const racer of racers.filter(isLive)) {
    const count = blocksOf(racer).length;
    if (count < blocks) racer.notes.push(`${count} blocks instead of ${blocks}: it is slow here`);
  }
}

async function countCalls(racers: readonly Racer[], run: PointRun): Promise<void> {
  await each(racers, run, "counts", async (racer) => {
    if (racer.card.processor === "cpu") return;
    const { runner } = racer.lane!;
    const rounds = Math.max(1, Math.min(countedRounds, racer.roundsPerBlock));
    const counted = isGoal(run.plan.workload) ? countedRounds : rounds;
    const counts = await runner.count(counted);
    racer.counts = { rounds: counted, ...counts };
    const perRound = Math.max(1, counts.passes / counted);
    const timed = Math.max(1, Math.min(counted, Math.floor(gpuPasses / perRound)));
    for (let block = 0; block < gpuBlocks; block++) {
      const time = await runner.timeGpu(timed);
      if (time) racer.gpu.push(time);
    }
  });
}

/**
 * Replays, from the start and in one go, as many rounds as a timed block had, so far as the reference can follow: what was
 * fast because it left something out is found here, after it could have behaved for the check.
 */
async function audit(racers: readonly Racer[], run: PointRun): Promise<void> {
  const { plan, data, effort, judge } = run;
  const { workload } = plan;
  const live = racers.filter(isLive);
  run.tell("follows in float64", "reference");
  const affordable = Math.max(1, Math.floor(effort.auditMs / (2 * (await judge.roundMs()))));
  const roundsOf = ({ roundsPerBlock }: Racer): number =>
    Math.min(affordable, isGoal(workload) ? goalAuditRounds : roundsPerBlock);
  const rounds = [...new Set(live.map(roundsOf))].sort((a, b) => a - b);
  const request = { workload, data, rounds, limitMs: 4 * effort.auditMs };
  const references = await within(judge.states(request), effort.patienceMs, run.signal);
  await each(live, run, "audits", async (racer) => {
    const wanted = roundsOf(racer);
    const reference = references.findLast((one) => one.rounds <= wanted)!;
    await racer.lane!.runner.restart();
    racer.audit = checkOf([deviationOf(workload, await racer.lane!.runner.advance(reference.rounds), reference)]);
  });
}

/** All racers at one point, by the protocol: check, warm up, time in turn, count, audit. Fills the racers in. */
export async function runPoint(racers: readonly Racer[], run: PointRun): Promise<void> {
  await prepare(racers, run);
  await check(racers, run);
  await calibrate(racers, run);
  await timeBlocks(racers, run);
  await countCalls(racers, run);
  await audit(racers, run);
  await each(racers, run, "releases", (racer) => racer.lane!.runner.release());
}
