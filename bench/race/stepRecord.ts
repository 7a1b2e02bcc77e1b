import * as v from "valibot";
import { activationNames, dense, lossNames, network } from "../../src/graph/network.ts";
import { optimizerNames, sgd } from "../../src/math/optimizer.ts";
import { summarize } from "../measure/statistics.ts";
import type { Check, Point, RaceCeilings, RaceRecord, Rates, Row, TimedRow } from "./record.ts";
import { type Work, workOf } from "./workload.ts";

// Records of schema version 1: training steps of thalweg alone, in Node, against itself and the float64 reference.

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const summary = v.object({
  median: v.number(),
  lowerQuartile: v.number(),
  upperQuartile: v.number(),
  least: v.number(),
  most: v.number(),
});
const series = v.object({
  stepsPerBlock: count,
  samples: v.pipe(v.array(v.number()), v.minLength(1)),
  summary,
});

const stepCheck = v.object({
  deviations: v.array(v.object({ steps: count, deviation: v.number() })),
  tolerance: v.number(),
  passed: v.boolean(),
});

const timedStep = v.object({
  check: stepCheck,
  prepareMs: v.number(),
  counts: v.object({
    steps: count,
    dispatches: count,
    submits: count,
    passes: count,
    createBuffer: count,
    createBindGroup: count,
    createPipeline: count,
    writeBuffer: count,
    writeBufferBytes: count,
    mapAsync: count,
  }),
  times: v.object({
    a: series,
    b: series,
    reference: series,
    encode: v.object({ samples: v.pipe(v.array(v.number()), v.minLength(1)) }),
  }),
});

const stepCase = v.object({
  description: v.object({
    name: v.string(),
    widths: v.pipe(v.string(), v.regex(/^\d+(-\d+)+$/)),
    activations: v.array(v.picklist(activationNames)),
    loss: v.picklist(lossNames),
    optimizer: v.picklist(optimizerNames),
    rows: count,
    batchSize: count,
    replicas: count,
  }),
  step: v.union([timedStep, v.object({ check: stepCheck })]),
});

export const stepRecordSchema = v.object({
  schemaVersion: v.literal(1),
  bench: v.literal("step"),
  machine: v.object({
    date: v.string(),
    adapter: v.record(v.string(), v.string()),
    isFallbackAdapter: v.boolean(),
    kind: v.picklist(["gpu", "software"]),
    limits: v.record(v.string(), v.number()),
    features: v.array(v.string()),
    versions: v.object({ thalweg: v.string(), node: v.string(), webgpu: v.string() }),
    gitRevision: v.optional(v.string()),
    cpu: v.object({ model: v.string(), cores: count }),
    loadAverage: v.array(v.number()),
  }),
  effort: v.record(v.string(), v.number()),
  ceilings: v.optional(
    v.object({
      flopsPerSecond: v.number(),
      bytesPerSecond: v.number(),
      emptyNs: v.number(),
      dependentNs: v.number(),
    }),
  ),
  cases: v.array(stepCase),
  problems: v.array(v.string()),
});

type StepRecord = v.InferOutput<typeof stepRecordSchema>;
type StepCase = v.InferOutput<typeof stepCase>;
type TimedStep = v.InferOutput<typeof timedStep>;
type Series = v.InferOutput<typeof series>;

/** How a note begins that lists what an older schema did not hold; such fields are 0, false or empty. */
export const notRecorded = "not recorded:";

const machineOf = ({ machine: { versions, cpu, ...machine } }: StepRecord): RaceRecord["machine"] => ({
  ...machine,
  host: "node",
  hostVersion: `Node ${versions.node}`,
  versions: { thalweg: versions.thalweg, webgpu: versions.webgpu },
  cores: cpu.cores,
  cpu: cpu.model,
  crossOriginIsolated: false,
  timerStepMs: 0,
});

/** Work by the formulas of today, so that rates compare with those of newer records. */
function workOfCase({ description }: StepCase): Work {
  const { name, widths, activations, loss, rows, batchSize, replicas: members, optimizer } = description;
  const [inputs, ...outputs] = widths.split("-").map(Number) as [number, ...number[]];
  const layers = outputs.map((width, index) => dense(width, activations[index]));
  return workOf({
    kind: "step",
    name,
    network: network({ inputs, layers, loss }),
    optimizer: { ...sgd(), name: optimizer }, // its name alone counts
    rows,
    batchSize,
    members,
    data: "noise",
  });
}

const checkOf = ({ deviations, tolerance, passed }: v.InferOutput<typeof stepCheck>): Check => ({
  deviations: deviations.map(({ steps, deviation }) => ({ rounds: steps, deviation, bound: tolerance })),
  passed,
});

const ratesOf = ({ flops, bytes }: Work, medianMs: number, gpu: RaceCeilings["gpu"]): Rates => {
  const flopsPerSecond = (1000 * flops) / medianMs;
  const bytesPerSecond = (1000 * bytes) / medianMs;
  if (!gpu) return { flopsPerSecond, bytesPerSecond };
  const shares = { flopsShare: flopsPerSecond / gpu.flopsPerSecond, bytesShare: bytesPerSecond / gpu.bytesPerSecond };
  return { flopsPerSecond, bytesPerSecond, ...shares };
};

/** What both series of thalweg and the reference have alike. */
function rowOf(
  { stepsPerBlock, samples, summary }: Series,
  base: Series,
): Pick<TimedRow, "status" | "audit" | "roundsPerBlock" | "samples" | "summary" | "ratios" | "ratio" | "hiddenBlocks"> {
  const ratios = samples.map((ms, round) => ms / base.samples[round]!);
  return {
    status: "timed",
    audit: { deviations: [], passed: false },
    roundsPerBlock: stepsPerBlock,
    samples,
    summary,
    ratios,
    ratio: summarize(ratios),
    hiddenBlocks: 0,
  };
}

/** What the rows of one case are made from. */
interface Context {
  readonly step: TimedStep;
  readonly version: string;
  readonly work: Work;
  readonly gpu: RaceCeilings["gpu"];
}

function gpuRow({ step, version, work, gpu }: Context, isNoise: boolean): TimedRow {
  const { a, b, encode } = step.times;
  const { steps, ...counts } = step.counts;
  const own = isNoise ? b : a;
  return {
    ...rowOf(own, a),
    contender: "thalweg",
    label: "thalweg, layered strategy",
    version,
    isNoise,
    check: checkOf(step.check),
    prepareMs: step.prepareMs,
    firstRoundMs: 0,
    handOver: summarize(encode.samples),
    ...(!isNoise && { counts: { rounds: steps, ...counts } }),
    rates: ratesOf(work, own.summary.median, gpu),
    notes: [
      `${notRecorded} audit, firstRoundMs, gpu`,
      `hand-over in ${encode.samples.length} samples of their own`,
      ...(isNoise ? ["prepared and checked with the first series"] : []),
    ],
  };
}

function referenceRow({ step, version, work }: Context): TimedRow {
  const { a, reference } = step.times;
  const { deviations, tolerance } = step.check;
  return {
    ...rowOf(reference, a),
    contender: "thalweg-cpu64",
    label: "thalweg, float64 CPU reference",
    version,
    isNoise: false,
    check: {
      deviations: deviations.map(({ steps }) => ({ rounds: steps, deviation: 0, bound: tolerance })),
      passed: true,
    },
    prepareMs: 0,
    firstRoundMs: 0,
    handOver: reference.summary,
    rates: ratesOf(work, reference.summary.median, undefined),
    notes: [
      `${notRecorded} audit, prepareMs, firstRoundMs`,
      "is what the others are checked against",
      "computes while it is handed work, so that all of its time is hand-over",
    ],
  };
}

function wrongRow({ check }: StepCase["step"], version: string): Row {
  const { tolerance, deviations } = check;
  const worst = deviations
    .map(({ steps, deviation }) => `${deviation} after ${steps === 1 ? "one step" : `${steps} steps`}`)
    .join(", ");
  return {
    status: "wrong",
    contender: "thalweg",
    label: "thalweg, layered strategy",
    version,
    reason: `parameters differ from the float64 reference by ${worst}; the bound is ${tolerance}`,
    check: checkOf(check),
  };
}

function pointOf(stepCase: StepCase, version: string, gpu: RaceCeilings["gpu"]): Point {
  const { description, step } = stepCase;
  const { name, widths, activations, loss, optimizer, rows, batchSize, replicas: members } = description;
  const work = workOfCase(stepCase);
  const context = { version, work, gpu };
  const networks = members === 1 ? "" : `${members} × `;
  const functions = [...new Set(activations)].join(", ");
  return {
    name,
    x: batchSize,
    description: `${networks}${widths} ${functions}, ${loss}, ${optimizer}, batch ${batchSize} of ${rows} rows`,
    work,
    rows:
      "times" in step
        ? [gpuRow({ ...context, step }, false), gpuRow({ ...context, step }, true), referenceRow({ ...context, step })]
        : [wrongRow(step, version)],
  };
}

const notHeld = "machine.crossOriginIsolated, machine.timerStepMs, ceilings.cpu, and what the notes of rows name";

/** The same figures as a race named `step`, a point per case. */
export function fromStepRecord(record: StepRecord): RaceRecord {
  const { machine, effort, ceilings: gpu, cases, problems } = record;
  const points = cases.map((stepCase) => pointOf(stepCase, machine.versions.thalweg, gpu));
  return {
    schemaVersion: 2,
    bench: "race",
    machine: machineOf(record),
    protocol: {
      ...effort,
      importedFrom: "schema version 1, bench step",
      notRecorded: notHeld,
      leftOut: "times of single kernels, formulas of their work, samples of the ceilings",
    },
    ...(gpu && { ceilings: { gpu, cpu: { flopsPerSecond: 0, bytesPerSecond: 0 } } }),
    races: [{ name: "step", title: "Training steps", axis: "", points }],
    problems,
  };
}
