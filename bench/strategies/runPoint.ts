import { GpuOutOfMemory, LimitExceeded } from "../../src/errors.ts";
import { type StrategyName, strategyNames, type PlanReport } from "../../src/backend/executor.ts";
import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import { refusalOf } from "../contenders/thalweg/thalwegSteps.ts";
import { summarize } from "../measure/statistics.ts";
import { checkOf } from "../race/plausibility.ts";
import { type Start, startOf } from "../race/start.ts";
import { workOf } from "../race/workload.ts";
import { affordableBlocks, type Paced, takeTurns, timeBlock, type TimeRuns, warmUp } from "../sweeps/pacing.ts";
import { type Block, samplesOf } from "../sweeps/series.ts";
import { checkedSteps, deviationAt, type Truth, truthOf } from "./checkStrategy.ts";
import { judgePick } from "./judge.ts";
import { StrategyRun } from "./strategyRun.ts";
import type { FailedPath, StrategyRow, StrategiesPoint, PlannersPick, TimedPath } from "./record.ts";
import type { PointPlan } from "./sweeps.ts";

/** How long a point is measured. */
export interface StrategiesEffort {
  /** Rounds of blocks A, B, …, B, A. */
  readonly blocks: number;
  readonly blockMs: number;
  readonly warmUpMs: number;
  /** A strategy with a longer step is timed once. A submission of several steps is kept shorter than this. */
  readonly slowestStepMs: number;
  /** The blocks of one strategy may take so long, else there are fewer; never below `leastBlocks`. */
  readonly strategyMs: number;
  readonly leastBlocks: number;
  /** Calls are counted over as many steps as fit this time, 1,000 at most. */
  readonly countMs: number;
}

/** What a point needs beside its plan. */
export interface PointContext {
  readonly effort: StrategiesEffort;
  /** Opens a device that nothing has been compiled on. */
  readonly open: () => Promise<GpuDevice>;
  readonly signal: AbortSignal | undefined;
  readonly tell: (phase: string, strategy: string) => void;
}

const countedSteps = 1000;

/** One strategy at the point, and all that is known of it so far. */
interface Trial extends Paced {
  readonly strategy: StrategyName;
  run: StrategyRun | undefined;
  check?: TimedPath["check"];
  isOnce: boolean;
  readonly blocks: (Block | undefined)[];
  counts?: TimedPath["counts"];
  failure?: Pick<FailedPath, "status" | "reason">;
}

const createTrial = (strategy: StrategyName, { handOver }: PointPlan): Trial => ({
  strategy,
  run: undefined,
  isOnce: false,
  atOnce: handOver,
  runsPerBlock: 1,
  runMs: 0,
  blocks: [],
});

function failureOf(error: unknown): NonNullable<Trial["failure"]> {
  const refusal = refusalOf(error);
  if (refusal !== undefined) return { status: "cannot", reason: refusal };
  const isMemory = error instanceof GpuOutOfMemory || error instanceof LimitExceeded;
  return { status: isMemory ? "memory" : "failed", reason: (error as Error).message };
}

/** One thing done by a strategy; an error ends that strategy's part alone. */
async function attempt(trial: Trial, { signal }: PointContext, act: () => Promise<void>): Promise<void> {
  signal?.throwIfAborted();
  try {
    await act();
  } catch (error) {
    trial.failure = failureOf(error);
    trial.run?.dispose();
    trial.run = undefined;
  }
}

const liveOf = (trials: readonly Trial[]): Trial[] => trials.filter(({ failure }) => failure === undefined);

/** The same phase by every strategy that is still in the running, one after the other. */
async function each(
  trials: readonly Trial[],
  context: PointContext,
  phase: string,
  act: (trial: Trial, run: StrategyRun) => Promise<void>,
): Promise<void> {
  for (const trial of liveOf(trials)) {
    context.tell(phase, trial.strategy);
    await attempt(trial, context, () => act(trial, trial.run!));
  }
}

async function openAll(point: PointPlan, start: Start, context: PointContext): Promise<Trial[]> {
  const trials = strategyNames.map((strategy) => createTrial(strategy, point));
  for (const trial of trials) {
    context.tell("compiles", trial.strategy);
    await attempt(trial, context, async () => {
      trial.run = await StrategyRun.create({ device: await context.open(), point, start, strategy: trial.strategy });
    });
  }
  return trials;
}

/** Holds the first steps against float64; who takes too long for a step takes but one here, and one more to be timed. */
async function checkAll(trials: readonly Trial[], truth: Truth, context: PointContext): Promise<void> {
  await each(trials, context, "checks", async (trial, run) => {
    const deviations = [];
    let done = 0;
    for (const [index, steps] of checkedSteps.entries()) {
      trial.runMs = (await run.time(steps - done)) / (steps - done);
      done = steps;
      deviations.push(await deviationAt(run, truth, index));
      if (trial.runMs > context.effort.slowestStepMs) break;
    }
    trial.check = checkOf(deviations);
    if (trial.check.passed) return;
    trial.failure = { status: "wrong", reason: "its parameters differ from the float64 reference" };
    run.dispose();
    trial.run = undefined;
  });
}

/** Fewer steps at once where so many would take too long: a step of such a strategy costs the same, however many there are. */
function limitHandOver(trial: Trial, { slowestStepMs }: StrategiesEffort): void {
  trial.isOnce = trial.runMs > slowestStepMs;
  const affordable = Math.max(1, Math.floor(slowestStepMs / trial.runMs));
  if (trial.atOnce !== undefined) trial.atOnce = Math.min(trial.atOnce, affordable);
  trial.runsPerBlock = trial.atOnce ?? 1;
}

const timing =
  (run: StrategyRun): TimeRuns =>
  (steps, atOnce) =>
    run.time(steps, atOnce);

async function warmUpAll(trials: readonly Trial[], context: PointContext): Promise<void> {
  await each(trials, context, "warms up", async (trial, run) => {
    limitHandOver(trial, context.effort);
    if (!trial.isOnce) await warmUp(trial, context.effort, timing(run));
  });
}

/** The one step of a slow strategy, which is counted as well. */
async function timeOnce(trial: Trial, run: StrategyRun): Promise<Block> {
  const { ms, counts } = await run.timeAndCount(1);
  trial.counts = { rounds: 1, ...counts };
  return { ms };
}

const blocksFor = (trial: Trial, { strategyMs, ...effort }: StrategiesEffort): number =>
  trial.isOnce ? 1 : affordableBlocks(trial, { ...effort, contenderMs: strategyMs });

/**
 * Blocks by all strategies in turn. The strategy that the planner picks runs twice: its second series tells the noise.
 * @returns the second series
 */
async function timeAll(
  trials: readonly Trial[],
  picked: Trial | undefined,
  context: PointContext,
): Promise<(Block | undefined)[]> {
  const { effort } = context;
  const again: (Block | undefined)[] = [];
  const shares = new Map(trials.map((trial) => [trial, blocksFor(trial, effort)]));
  const turns = liveOf(trials).map((trial) => ({ trial, into: trial.blocks }));
  if (picked && liveOf([picked]).length > 0) turns.push({ trial: picked, into: again });
  await takeTurns(turns, effort.blocks, async ({ trial, into }, round) => {
    const takesPart = trial.failure === undefined && round < shares.get(trial)!;
    context.tell(`times, round ${round + 1} of ${effort.blocks}`, trial.strategy);
    let block: Block | undefined;
    if (takesPart) {
      await attempt(trial, context, async () => {
        const run = trial.run!;
        block = trial.isOnce ? await timeOnce(trial, run) : await timeBlock(trial, effort.blockMs, timing(run));
      });
    }
    into.push(block);
  });
  return again;
}

async function countAll(trials: readonly Trial[], context: PointContext): Promise<void> {
  await each(trials, context, "counts", async (trial, run) => {
    const affordable = Math.max(1, Math.min(countedSteps, Math.floor(context.effort.countMs / trial.runMs)));
    const { atOnce = 1 } = trial;
    const rounds = atOnce * Math.ceil(affordable / atOnce);
    if (!trial.counts) trial.counts = { rounds, ...(await run.timeAndCount(rounds, trial.atOnce)).counts };
    await run.requireFinite();
  });
}

function rowOf(trial: Trial): StrategyRow {
  const { strategy, failure, run, check, isOnce, atOnce, runsPerBlock, counts } = trial;
  if (failure) return { strategy, ...failure };
  const { stepMs, dispatchesPerStep, stepsPerDispatch, kernels, chunkRows, bytes } = run!.plan;
  const samples = samplesOf(trial);
  return {
    status: "timed",
    strategy,
    plan: { stepMs, dispatchesPerStep, stepsPerDispatch, kernels: [...kernels], chunkRows, bytes },
    compile: run!.compile,
    check: check!,
    isOnce,
    ...(atOnce !== undefined && { atOnce }),
    stepsPerBlock: runsPerBlock,
    samples,
    summary: summarize(samples),
    counts: counts!,
  };
}

function pickOf(
  { strategy, reason }: PlanReport,
  trials: readonly Trial[],
  again: readonly (Block | undefined)[],
): PlannersPick | undefined {
  if (strategy === "reference") return undefined;
  return { strategy, reason, ...judgePick(strategy, liveOf(trials), { strategy, blocks: again }) };
}

/** All strategies at one point: check, warm up, time in turn, count. */
export async function measurePoint(point: PointPlan, context: PointContext): Promise<StrategiesPoint> {
  const start = startOf(point.workload);
  const trials = await openAll(point, start, context);
  try {
    const planned = await liveOf(trials)[0]?.run!.plannedFor(point, start);
    context.tell("follows in float64", "reference");
    await checkAll(trials, await truthOf(point.workload, start), context);
    await warmUpAll(trials, context);
    const picked = trials.find(({ strategy }) => strategy === planned?.strategy);
    const again = await timeAll(trials, picked, context);
    await countAll(trials, context);
    const pick = planned && pickOf(planned, trials, again);
    const { name, x, description, handOver, workload } = point;
    const own = { name, x, description, work: workOf(workload), ...(handOver !== undefined && { handOver }) };
    return { ...own, ...(pick && { pick }), rows: trials.map(rowOf) };
  } finally {
    for (const { run } of trials) run?.dispose();
  }
}
