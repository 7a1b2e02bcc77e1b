import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import type { MatmulVariant } from "../../src/backend/webgpu/matmulVariants.ts";
import type { MatmulChoice } from "../../src/backend/webgpu/tensor/matmul.ts";
import { summarize } from "../measure/statistics.ts";
import { formatMs } from "../race/units.ts";
import type { Tell } from "../sweeps/measureSweeps.ts";
import {
  affordableBlocks,
  type Pace,
  type Paced,
  takeTurns,
  timeBlock,
  type TimeRuns,
  warmUp,
} from "../sweeps/pacing.ts";
import { type Block, samplesOf } from "../sweeps/series.ts";
import { judgeChoice } from "./judge.ts";
import { ProductRun } from "./productRun.ts";
import type { FailedVariant, ProductsPoint, VariantRow } from "./record.ts";
import { matricesOf, type PointPlan, type MatmulShape, workOf } from "./shapes.ts";
import { checkProduct, factorsOf, faultOf, type ProductCheck, type Truth, truthOf } from "./truth.ts";
import { refusalOf, variantNames } from "./variants.ts";

/** How long a point is measured. */
export interface ProductsEffort extends Pace {
  readonly warmUpMs: number;
  /** A variant whose product takes longer is left out. */
  readonly slowestMs: number;
  /** On a software adapter, a point where the library's product takes longer is left out. */
  readonly slowestPointMs: number;
}

/** What a point needs beside its plan. */
export interface PointContext {
  readonly device: GpuDevice;
  readonly effort: ProductsEffort;
  readonly signal: AbortSignal | undefined;
  readonly tell: Tell;
}

/** One variant at the point, and all that is known of it so far. */
interface Trial extends Paced {
  readonly variant: MatmulVariant;
  /** True: what the library takes by itself, so that nothing is forced. */
  readonly isLibrary: boolean;
  splits: number;
  check?: ProductCheck;
  readonly blocks: (Block | undefined)[];
  failure?: Pick<FailedVariant, "status" | "reason">;
}

const createTrial = ({ variant, splits }: MatmulChoice, isLibrary: boolean): Trial => ({
  variant,
  isLibrary,
  splits,
  atOnce: undefined,
  runsPerBlock: 1,
  runMs: 0,
  blocks: [],
});

const choiceOf = ({ variant, isLibrary, splits }: Trial): MatmulChoice | undefined =>
  isLibrary ? undefined : { variant, splits };

const timing =
  (run: ProductRun, trial: Trial): TimeRuns =>
  (products) =>
    run.time(products, choiceOf(trial));

/** All that is at hand at a point. */
interface Bench {
  readonly run: ProductRun;
  readonly shape: MatmulShape;
  readonly truth: Truth;
  readonly context: PointContext;
}

const nameOf = ({ variant, isLibrary }: Trial): string => (isLibrary ? `${variant} of the library` : variant);

/** The same phase by every variant that is still in the running; an error ends that variant's part alone. */
async function attempt(trial: Trial, phase: string, { context }: Bench, act: () => Promise<void>): Promise<void> {
  const { signal, tell, device } = context;
  if (trial.failure) return;
  signal?.throwIfAborted();
  tell(phase, nameOf(trial));
  try {
    await act();
  } catch (error) {
    device.throwFault("bench products"); // nothing that comes behind it could be trusted
    trial.failure = { status: "failed", reason: (error as Error).message };
  }
}

/** Products of one sum below which the library does not cut it. */
const leastSlice = 512;
/** Partial results of all slices may take so much. */
const mostScratchBytes = 2 ** 26;
/** Slices that cost this many times what the best do are not cut further. */
const hopelessRatio = 2;
const trialMs = 10;
const mostTrials = 100;

/** Powers of four, and what the library takes: what the sums of a forced variant are cut into by trying. */
export function slotsToTry(shape: MatmulShape, usual: number): number[] {
  const values = matricesOf(shape) * shape.m * shape.n;
  const most = Math.min(Math.floor(shape.k / leastSlice), mostScratchBytes / (4 * values));
  const tried = [1];
  while (4 * tried.at(-1)! <= most) tried.push(4 * tried.at(-1)!);
  return [...new Set([...tried, usual])].toSorted((a, b) => a - b);
}

/** One product, held against float64. */
async function checkOnce(trial: Trial, { run, shape, truth }: Bench): Promise<void> {
  run.poison();
  await run.time(1, choiceOf(trial));
  trial.check = checkProduct(await run.read(), shape, truth);
  const fault = faultOf(trial.check);
  if (fault !== undefined) trial.failure = { status: "wrong", reason: fault };
}

/** Milliseconds of a product, about, once everything is compiled. */
async function timeRoughly(trial: Trial, { run }: Bench): Promise<number> {
  const once = await run.time(1, choiceOf(trial));
  if (once >= trialMs) return once;
  const count = Math.min(mostTrials, Math.ceil(trialMs / once));
  return (await run.time(count, choiceOf(trial))) / count;
}

/** Checks a variant with every number of slices, and keeps the fastest. */
async function prepare(trial: Trial, bench: Bench): Promise<void> {
  const { slowestMs } = bench.context.effort;
  let best: (Pick<Trial, "splits" | "runMs"> & { check: ProductCheck }) | undefined;
  const usual = bench.run.usual.splits;
  for (const splits of trial.isLibrary ? [usual] : slotsToTry(bench.shape, usual)) {
    trial.splits = splits;
    await checkOnce(trial, bench);
    if (trial.failure) return;
    const runMs = await timeRoughly(trial, bench);
    if (!best || runMs < best.runMs) best = { splits, runMs, check: trial.check! };
    else if (runMs > hopelessRatio * best.runMs) break;
  }
  Object.assign(trial, best);
  if (trial.runMs <= slowestMs) return;
  trial.failure = { status: "slow", reason: `a product takes ${formatMs(trial.runMs)}` };
}

async function timeAll(trials: readonly Trial[], bench: Bench): Promise<void> {
  const { effort } = bench.context;
  for (const trial of trials) {
    await attempt(trial, "warms up", bench, () => warmUp(trial, effort, timing(bench.run, trial)));
  }
  const shares = new Map(trials.map((trial) => [trial, affordableBlocks(trial, effort)]));
  const live = trials.filter(({ failure }) => failure === undefined);
  await takeTurns(live, effort.blocks, async (trial, round) => {
    let block: Block | undefined;
    if (round < shares.get(trial)!) {
      await attempt(trial, `times, round ${round + 1} of ${effort.blocks}`, bench, async () => {
        block = await timeBlock(trial, effort.blockMs, timing(bench.run, trial));
      });
    }
    trial.blocks.push(block);
  });
}

function rowOf(trial: Trial): VariantRow {
  const { variant, isLibrary, splits, check, failure, runsPerBlock } = trial;
  if (failure) return { ...failure, variant, isLibrary };
  const samples = samplesOf(trial);
  return {
    status: "timed",
    variant,
    isLibrary,
    splits,
    check: check!,
    productsPerBlock: runsPerBlock,
    samples,
    summary: summarize(samples),
  };
}

function trialsFor(device: GpuDevice, usual: MatmulChoice): [Trial, ...Trial[]] {
  const forced = variantNames.map((variant) => {
    const reason = refusalOf(device, variant);
    const trial = createTrial({ variant, splits: 1 }, false);
    return reason === undefined ? trial : { ...trial, failure: { status: "cannot" as const, reason } };
  });
  return [createTrial(usual, true), ...forced];
}

/** Why a point is not worth its time; undefined where it is. */
function tooSlow({ runMs }: Trial, { device, effort }: PointContext): string | undefined {
  if (device.kind !== "software" || runMs <= effort.slowestPointMs) return undefined;
  return `a product takes ${formatMs(runMs)} on this software adapter`;
}

/** Checks and times the variants; the library's own choice comes first. @returns why the point is left out */
async function measure(trials: readonly [Trial, ...Trial[]], bench: Bench): Promise<string | undefined> {
  const [own, ...variants] = trials;
  await attempt(own, "checks", bench, () => prepare(own, bench));
  const leftOut = tooSlow(own, bench.context);
  if (leftOut !== undefined) return leftOut;
  for (const trial of variants) await attempt(trial, "checks", bench, () => prepare(trial, bench));
  await timeAll(trials, bench);
  return undefined;
}

/** All variants at one point: check, warm up, time in turn. */
export async function measurePoint(plan: PointPlan, context: PointContext): Promise<ProductsPoint> {
  const { name, x, description, shape } = plan;
  context.tell("follows in float64", "reference");
  const factors = factorsOf(shape);
  const truth = truthOf(shape, factors);
  const head = { name, x, description, shape, work: workOf(shape) };
  const run = new ProductRun(context.device, shape, factors);
  try {
    const trials = trialsFor(context.device, run.usual);
    const [own, ...variants] = trials;
    const leftOut = await measure(trials, { run, shape, truth, context });
    if (leftOut !== undefined) {
      return { ...head, choice: { variant: own.variant, verdict: "no times" }, leftOut, rows: [] };
    }
    const timed = variants.filter(({ failure }) => failure === undefined);
    const judged = judgeChoice(own.failure ? undefined : own, timed);
    return { ...head, choice: { variant: own.variant, ...judged }, rows: trials.map(rowOf) };
  } finally {
    run.dispose();
  }
}
