import * as v from "valibot";

// What a race leaves behind: the schema of bench/results/*.json, and the types that follow from it.

/** Raise it with every change that an older reader would misread, and teach `readRecord` the older one. */
export const schemaVersion = 2;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
export const summarySchema = v.object({
  median: v.number(),
  lowerQuartile: v.number(),
  upperQuartile: v.number(),
  least: v.number(),
  most: v.number(),
});
const settings = v.record(v.string(), v.union([v.string(), v.number(), v.boolean()]));

export const machineSchema = v.object({
  date: v.string(),
  host: v.picklist(["chrome", "node"]),
  /** `Chrome/149.0…`, or `Node v20.20.2`. */
  hostVersion: v.string(),
  /** Version of the `webgpu` package in Node; of thalweg itself. */
  versions: v.record(v.string(), v.string()),
  gitRevision: v.optional(v.string()),
  /** Command-line switches that touch the GPU; undefined where a page cannot know them. */
  flags: v.optional(v.array(v.string())),
  adapter: v.record(v.string(), v.string()),
  isFallbackAdapter: v.boolean(),
  /** A software adapter computes on the CPU: ratios between WebGPU contenders may not carry over to hardware. */
  kind: v.picklist(["gpu", "software"]),
  features: v.array(v.string()),
  limits: v.record(v.string(), v.number()),
  cores: count,
  cpu: v.optional(v.string()),
  /** Of 1, 5 and 15 minutes, where the host tells. */
  loadAverage: v.optional(v.array(v.number())),
  crossOriginIsolated: v.boolean(),
  /** Smallest step of performance.now(), in milliseconds. */
  timerStepMs: v.number(),
});

export const gpuCeilingsSchema = v.object({
  flopsPerSecond: v.number(),
  bytesPerSecond: v.number(),
  emptyNs: v.number(),
  dependentNs: v.number(),
});

const ceilings = v.object({
  /** Best seen in this run; undefined: the adapter has no timestamps. */
  gpu: v.optional(gpuCeilingsSchema),
  /** All cores together. */
  cpu: v.object({ flopsPerSecond: v.number(), bytesPerSecond: v.number() }),
});

/** ‖state − reference‖ / ‖reference‖ after so many rounds, and the bound of each. */
export const checkSchema = v.object({
  deviations: v.array(v.object({ rounds: count, deviation: v.number(), bound: v.number() })),
  passed: v.boolean(),
});

export const countsSchema = v.object({
  rounds: count,
  dispatches: count,
  submits: count,
  passes: count,
  createBuffer: count,
  createBindGroup: count,
  createPipeline: count,
  writeBuffer: count,
  writeBufferBytes: count,
  mapAsync: count,
});

const rates = v.object({
  flopsPerSecond: v.number(),
  bytesPerSecond: v.number(),
  /** Of the ceilings of this run; undefined where none was measured. */
  flopsShare: v.optional(v.number()),
  bytesShare: v.optional(v.number()),
});

const timedRow = v.object({
  status: v.literal("timed"),
  contender: v.string(),
  label: v.string(),
  version: v.string(),
  settings: v.optional(settings),
  /** True for the second series of the base contender: its ratios are the noise floor. */
  isNoise: v.boolean(),
  check: checkSchema,
  /** The timed path replayed in one go, so long as the reference can follow, after all blocks. */
  audit: checkSchema,
  /** Building the entry, and its first round with all compilation, in milliseconds. */
  prepareMs: v.number(),
  firstRoundMs: v.number(),
  roundsPerBlock: v.number(),
  /** Milliseconds per round (per whole training where the workload has a goal), a sample per block. */
  samples: v.array(v.number()),
  summary: summarySchema,
  /** Milliseconds per round until all work was handed over: the host's share of the samples. */
  handOver: summarySchema,
  /** samples ÷ the base contender's, paired by round of blocks: below 1 is faster. */
  ratios: v.array(v.number()),
  ratio: summarySchema,
  /** GPU time of all passes in milliseconds per round, in blocks of its own. */
  gpu: v.optional(
    v.object({
      samples: v.array(v.number()),
      medianMs: v.number(),
      passesPerRound: v.number(),
      resolutionNs: v.number(),
    }),
  ),
  /** Calls of WebGPU by `counts.rounds` rounds handed over at once, and the read-back behind them. */
  counts: v.optional(countsSchema),
  /** Steps to the goal, where the workload has one. */
  steps: v.optional(count),
  rates,
  /** Blocks that were thrown away and repeated, since the page was hidden. */
  hiddenBlocks: count,
  /** Anything a reader must know: fewer blocks than asked for, threads that were missing. */
  notes: v.array(v.string()),
});

const failedRow = v.object({
  status: v.picklist(["failed", "wrong", "implausible", "absent"]),
  contender: v.string(),
  label: v.string(),
  version: v.string(),
  reason: v.string(),
  check: v.optional(checkSchema),
  settings: v.optional(settings),
});

const row = v.variant("status", [timedRow, failedRow]);

const point = v.object({
  name: v.string(),
  /** Value on the x axis of a sweep: batch, width, members, size. */
  x: v.number(),
  /** What is computed, in words. */
  description: v.string(),
  work: v.object({ flops: v.number(), bytes: v.number(), samples: v.number(), networks: v.number() }),
  rows: v.array(row),
});

const race = v.object({
  name: v.string(),
  title: v.string(),
  /** What x is: `batch`, `width`, `members`, `size`; `` where points are no sweep. */
  axis: v.string(),
  points: v.array(point),
});

const loadRow = v.object({
  contender: v.string(),
  label: v.string(),
  /** Milliseconds from navigation to the end of the first finished step, read back; a sample per fresh page. */
  samples: v.array(v.number()),
  summary: summarySchema,
  /** Bytes of JavaScript, and of WebAssembly, that the page fetched. */
  scriptBytes: count,
  scriptGzipBytes: count,
  wasmBytes: count,
  wasmGzipBytes: count,
});

const loadFailure = v.object({ contender: v.string(), label: v.string(), reason: v.string() });

export const recordSchema = v.object({
  schemaVersion: v.literal(schemaVersion),
  bench: v.literal("race"),
  machine: machineSchema,
  /** Blocks, their least time and the other settings of the protocol. */
  protocol: v.record(v.string(), v.union([v.number(), v.string(), v.boolean()])),
  ceilings: v.optional(ceilings),
  races: v.array(race),
  load: v.optional(v.array(v.union([loadRow, loadFailure]))),
  /** What makes the run fail; empty in every record that is kept. */
  problems: v.array(v.string()),
});

export type RaceRecord = v.InferOutput<typeof recordSchema>;
export type MachineCard = v.InferOutput<typeof machineSchema>;
export type Race = v.InferOutput<typeof race>;
export type Point = v.InferOutput<typeof point>;
export type Row = v.InferOutput<typeof row>;
export type TimedRow = v.InferOutput<typeof timedRow>;
export type FailedRow = v.InferOutput<typeof failedRow>;
export type Check = v.InferOutput<typeof checkSchema>;
export type Rates = v.InferOutput<typeof rates>;
export type RaceCeilings = v.InferOutput<typeof ceilings>;
export type LoadRow = v.InferOutput<typeof loadRow>;
export type LoadFailure = v.InferOutput<typeof loadFailure>;
