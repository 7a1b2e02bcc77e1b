import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import { summarize } from "../measure/statistics.ts";
import type { Tell } from "../sweeps/measureSweeps.ts";
import { affordableBlocks, type Pace, type Paced, takeTurns, timeBlock, warmUp } from "../sweeps/pacing.ts";
import { type Block, ratioOf, samplesOf } from "../sweeps/series.ts";
import { type Ablation, type EditedShaders, editShaders } from "./edits.ts";
import type { PointPlan, Subject } from "./plans.ts";
import { type AblationRow, again, everything, type FailedAblation, type LimitsPoint } from "./record.ts";
import { type Checked, type Opened, openSubject, workOf } from "./subject.ts";

/** How long a point is measured. */
export interface LimitsEffort extends Pace {
  readonly warmUpMs: number;
}

/** What a point needs beside its plan. */
export interface PointContext {
  readonly effort: LimitsEffort;
  /** Opens a device that nothing has been compiled on. */
  readonly open: () => Promise<GpuDevice>;
  readonly signal: AbortSignal | undefined;
  readonly tell: Tell;
}

/** One ablation at the point, and all that is known of it so far. */
interface Trial extends Paced {
  readonly ablation: Ablation;
  readonly subject: Subject;
  device?: GpuDevice;
  shaders?: EditedShaders;
  opened?: Opened;
  check?: Checked;
  readonly blocks: (Block | undefined)[];
  failure?: Pick<FailedAblation, "status" | "reason">;
}

/** All trials at a point; the first is compared with, and runs twice: its second series tells the noise. */
interface Trials {
  readonly base: Trial;
  readonly ablated: readonly Trial[];
  readonly again: (Block | undefined)[];
}

const wholeKernel: Ablation = { name: everything, sentence: "the kernels as they are", edits: [] };

function createTrial(ablation: Ablation, { subject }: PointPlan): Trial {
  const { batchSize } = ablation;
  const own = subject.kind === "training" && batchSize !== undefined ? { ...subject, batchSize } : subject;
  const atOnce = own.kind === "training" ? own.atOnce : undefined;
  return { ablation, subject: own, atOnce, runsPerBlock: atOnce ?? 1, runMs: 0, blocks: [] };
}

function close(trial: Trial): void {
  trial.opened?.dispose();
  delete trial.opened;
}

/** The same phase by a trial that is still in the running; an error ends its part alone. */
async function attempt(
  trial: Trial,
  phase: string,
  { signal, tell }: PointContext,
  act: () => Promise<void>,
): Promise<void> {
  if (trial.failure) return;
  signal?.throwIfAborted();
  tell(phase, trial.ablation.name);
  try {
    await act();
  } catch (error) {
    trial.failure = { status: "failed", reason: (error as Error).message };
    close(trial);
  }
}

/** Compiles the edited kernels, and sees that there were any. */
async function open(trial: Trial, plan: PointPlan, context: PointContext): Promise<void> {
  const device = await context.open();
  trial.device = device;
  trial.shaders = editShaders(device.gpu, trial.ablation.edits);
  trial.opened = await openSubject(device, trial.subject, plan);
}

async function prepare(trial: Trial, plan: PointPlan, context: PointContext): Promise<void> {
  await attempt(trial, "compiles", context, () => open(trial, plan, context));
  if (trial.ablation === wholeKernel) {
    await attempt(trial, "checks", context, async () => {
      trial.check = await trial.opened!.check();
      if (trial.check.fault !== undefined) trial.failure = { status: "wrong", reason: trial.check.fault };
    });
  }
  await attempt(trial, "warms up", context, async () => {
    const { time } = trial.opened!;
    await time(trial.runsPerBlock, trial.atOnce); // tensors compile with their first run
    trial.shaders!.requireMet();
    await warmUp(trial, context.effort, time);
  });
}

/** Everyone takes part in as many rounds as the whole has the time for: blocks without one of it beside them tell nothing. */
async function timeAll({ base, ablated, again: second }: Trials, context: PointContext): Promise<void> {
  const { effort } = context;
  const rounds = affordableBlocks(base, effort);
  const turns = [
    { trial: base, into: base.blocks },
    { trial: base, into: second },
    ...ablated.map((trial) => ({ trial, into: trial.blocks })),
  ];
  await takeTurns(turns, rounds, async ({ trial, into }, round) => {
    let block: Block | undefined;
    await attempt(trial, `times, round ${round + 1} of ${rounds}`, context, async () => {
      block = await timeBlock(trial, effort.blockMs, trial.opened!.time);
    });
    into.push(block);
  });
}

async function measure(trials: Trials, plan: PointPlan, context: PointContext): Promise<void> {
  const { base, ablated } = trials;
  await prepare(base, plan, context);
  for (const trial of ablated) {
    if (base.failure) trial.failure = { status: "failed", reason: `there is no time of ${everything} to compare with` };
    await prepare(trial, plan, context);
  }
  await timeAll(trials, context);
  for (const trial of [base, ...ablated]) {
    await attempt(trial, "looks whether it still computes", context, () => trial.opened!.requireSound());
  }
}

function rowOf(trial: Trial, base: Trial): AblationRow {
  const { ablation, subject, check, failure, runsPerBlock } = trial;
  const head = { ablation: ablation.name, sentence: ablation.sentence };
  if (failure) return { ...failure, ...head };
  const samples = samplesOf(trial);
  return {
    status: "timed",
    ...head,
    ...(subject.kind === "training" && { batchSize: subject.batchSize }),
    ...(check && { check: { deviation: check.deviation, bound: check.bound } }),
    runsPerBlock,
    samples,
    summary: summarize(samples),
    ratio: ratioOf(trial, base),
  };
}

function rowsOf({ base, ablated, again: second }: Trials): AblationRow[] {
  const { check: _, ...noise } = { ...base, blocks: second };
  const repeated = { ...noise, ablation: { ...wholeKernel, name: again, sentence: "the same once more: the noise" } };
  const trials = base.failure ? [base, ...ablated] : [base, repeated, ...ablated];
  // where the first has failed after its turns, nothing can be compared
  return trials.map((trial) =>
    rowOf(base.failure ? { ...trial, failure: trial.failure ?? base.failure } : trial, base),
  );
}

/** @throws Error where what was opened has left memory behind */
function requireNothingLeft(trials: readonly Trial[]): void {
  const ended = trials.filter(({ failure }) => failure === undefined); // what has failed may leave what it likes
  const buffers = ended.reduce((sum, { device }) => sum + (device?.ledger.buffers ?? 0), 0);
  if (buffers > 0) throw new Error(`${buffers} buffers were left behind on the devices`);
}

/** The whole and all ablations at one point: compile, check the whole, warm up, time in turn. */
export async function measurePoint(plan: PointPlan, context: PointContext): Promise<LimitsPoint> {
  const [base, ...ablated] = [wholeKernel, ...plan.ablations].map((ablation) => createTrial(ablation, plan));
  const trials: Trials = { base: base!, ablated, again: [] };
  try {
    await measure(trials, plan, context);
  } finally {
    for (const trial of [base!, ...ablated]) close(trial);
  }
  requireNothingLeft([base!, ...ablated]);
  const { name, x, description, subject } = plan;
  const run = subject.kind === "training" ? "step" : "product";
  const kernels = [...(base!.shaders?.kernels ?? [])];
  return { name, x, description, run, kernels, work: workOf(subject), rows: rowsOf(trials) };
}
