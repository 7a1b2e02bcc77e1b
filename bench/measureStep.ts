import type { GpuDevice } from "../src/gpu/device.ts";
import { createExecutor, createReference } from "../src/plan/choose.ts";
import { kernelsOf, planLayered } from "../src/plan/layeredPlan.ts";
import type { BenchCase, Start } from "./cases.ts";
import { type Check, checkSteps, Contender } from "./contender.ts";
import { countCalls, type Counts } from "./counters.ts";
import { median, summarize, type Summary } from "./statistics.ts";

/** How long to measure. */
export interface Effort {
  /** Rounds of A, B, and the reference. */
  readonly rounds: number;
  readonly blockMs: number;
  /** Time that the reference may take in one case. */
  readonly referenceMs: number;
}

/** Samples in milliseconds per step, and what they say. */
export interface Series {
  readonly stepsPerBlock: number;
  readonly samples: readonly number[];
  readonly summary: Summary;
}

export interface StepTimes {
  /** Both series of the GPU together. */
  readonly wall: Summary;
  readonly a: Series;
  readonly b: Series;
  /** a ÷ b of each round: the same work twice, so that its spread is what this machine cannot tell apart. */
  readonly noise: { readonly ratios: readonly number[]; readonly summary: Summary };
  readonly reference: Series;
  /** Host time to encode and submit one step, in milliseconds, with no wait for the GPU. */
  readonly encode: { readonly samples: readonly number[]; readonly medianMs: number };
}

export interface StepReport {
  readonly plan: {
    readonly kernels: readonly string[];
    readonly slots: number;
    readonly chunks: number;
    readonly flops: number;
  };
  readonly check: Check;
  readonly prepareMs: number;
  /** Calls of `counts.steps` steps handed over at once. */
  readonly counts: Counts & { readonly steps: number };
  readonly times: StepTimes;
}

const seriesOf = ({ blockSteps }: Contender, samples: readonly number[]): Series => ({
  stepsPerBlock: blockSteps,
  samples,
  summary: summarize(samples),
});

/** Steps that fit one submit, so that encoding them waits for nothing. */
const stepsOfSubmit = (device: GpuDevice, flops: number): number =>
  Math.max(1, Math.floor(device.dispatchFlops / flops));

async function timeEncoding(contender: Contender, steps: number): Promise<StepTimes["encode"]> {
  const samples: number[] = [];
  for (let sample = 0; sample < 3; sample++) {
    const startMs = performance.now();
    await contender.execute(steps);
    samples.push((performance.now() - startMs) / steps);
    await contender.finished();
  }
  return { samples, medianMs: median(samples) };
}

interface Contenders {
  readonly a: Contender;
  readonly b: Contender;
  readonly reference: Contender;
}

/** A, B, reference, B, A, reference, A, …: what drifts in the machine meets all of them. */
async function timeRounds(contenders: Contenders, effort: Effort): Promise<Omit<StepTimes, "encode">> {
  const { a, b, reference } = contenders;
  const samples: { a: number[]; b: number[]; reference: number[] } = { a: [], b: [], reference: [] };
  let referenceMs = effort.referenceMs;
  for (let round = 0; round < effort.rounds; round++) {
    const order = round % 2 === 0 ? (["a", "b"] as const) : (["b", "a"] as const);
    await contenders[order[0]].time(1); // the reference has let the device go to sleep
    for (const name of order) samples[name].push(await contenders[name].block());
    if (referenceMs <= 0) continue;
    const ms = await reference.block();
    samples.reference.push(ms);
    referenceMs -= ms * reference.blockSteps;
  }
  const ratios = samples.a.map((ms, round) => ms / samples.b[round]!);
  return {
    wall: summarize([...samples.a, ...samples.b]),
    a: seriesOf(a, samples.a),
    b: seriesOf(b, samples.b),
    noise: { ratios, summary: summarize(ratios) },
    reference: seriesOf(reference, samples.reference),
  };
}

async function calibrate({ a, b, reference }: Contenders, blockMs: number): Promise<void> {
  await a.calibrate(blockMs, { steps: 10, ms: 200 }); // the check has run 10 steps before
  b.blockSteps = a.blockSteps;
  await b.block();
  await reference.calibrate(blockMs, { steps: 1, ms: 0 });
}

async function countSteps(contender: Contender): Promise<StepReport["counts"]> {
  const steps = Math.min(64, contender.blockSteps);
  const counts = await countCalls(async () => {
    await contender.execute(steps);
    await contender.finished();
  });
  return { steps, ...counts };
}

/** Runs `action` with two contenders of the case on the device and one in float64. */
async function withContenders<T>(
  device: GpuDevice,
  benchCase: BenchCase,
  start: Start,
  action: (contenders: Contenders) => Promise<T>,
): Promise<T> {
  const { network, replicas } = benchCase;
  const a = await Contender.create(await createExecutor(device, network, replicas), start);
  const b = await Contender.create(await createExecutor(device, network, replicas), start);
  const reference = await Contender.create(createReference(network, replicas), start);
  try {
    return await action({ a, b, reference });
  } finally {
    for (const contender of [a, b, reference]) contender.dispose();
  }
}

/** Checks a case, and times it only if the check holds: otherwise the report has no times. */
export function measureStep(
  device: GpuDevice,
  benchCase: BenchCase,
  start: Start,
  effort: Effort,
): Promise<StepReport | { readonly check: Check }> {
  const { network, replicas, rows, batchSize } = benchCase;
  const plan = planLayered(device, { network, replicas, rowCount: rows, batchSize });
  return withContenders(device, benchCase, start, async (contenders) => {
    const { a, reference } = contenders;
    const check = await checkSteps(a, reference, benchCase);
    if (!check.passed) return { check };
    await calibrate(contenders, effort.blockMs);
    const counts = await countSteps(a);
    const rounds = await timeRounds(contenders, effort);
    const encode = await timeEncoding(a, Math.min(counts.steps, stepsOfSubmit(device, plan.flopsPerStep)));
    const { slots, chunks, flopsPerStep: flops } = plan;
    return {
      plan: { kernels: kernelsOf(plan), slots, chunks, flops },
      check,
      prepareMs: a.prepareMs,
      counts,
      times: { ...rounds, encode },
    };
  });
}
