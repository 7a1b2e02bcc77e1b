import * as v from "valibot";
import { strategyNames } from "../../src/backend/executor.ts";
import { readSweepsRecord, toJson } from "../race/readRecord.ts";
import { checkSchema, countsSchema, gpuCeilingsSchema, machineSchema, summarySchema } from "../race/record.ts";

// What the bench of strategies leaves behind: the schema of bench/results/*-strategies.json, and the types that follow from it.

/** Raise it with every change that an older reader would misread. */
export const strategiesSchemaVersion = 2;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const strategy = v.picklist(strategyNames);

/** What `planRun` reports about a strategy. */
const plan = v.object({
  /** Milliseconds of one step by the cost model. */
  stepMs: v.optional(v.number()),
  dispatchesPerStep: v.number(),
  stepsPerDispatch: count,
  kernels: v.array(v.string()),
  chunkRows: count,
  bytes: v.number(),
});

/** Milliseconds of `createRun` on a device that has compiled nothing yet, and of the next one, whose pipelines are cached. */
const compile = v.object({ firstMs: v.number(), againMs: v.number() });

const timedStrategy = v.object({
  status: v.literal("timed"),
  strategy,
  plan,
  compile,
  /** A sample of the members held against float64. */
  check: checkSchema,
  /** True where one step took so long that it was measured once. */
  isOnce: v.boolean(),
  /** Steps of one call of `execute`, fewer than the point's where these would take too long; undefined: a block's. */
  atOnce: v.optional(count),
  stepsPerBlock: count,
  /** Milliseconds per step, a sample per block. */
  samples: v.array(v.number()),
  summary: summarySchema,
  /** Calls of WebGPU by `counts.rounds` steps, without the read-back. */
  counts: countsSchema,
});

/** cannot: the strategy does not take such a run; memory: it does not fit the device; wrong, failed: what should not be. */
const failedStrategy = v.object({
  status: v.picklist(["cannot", "memory", "wrong", "failed"]),
  strategy,
  reason: v.string(),
});

const pick = v.object({
  strategy,
  reason: v.string(),
  /** no times: the strategy that was picked has none, or none has. */
  verdict: v.picklist(["fastest", "within noise", "slower", "no times"]),
  fastest: v.optional(strategy),
  /** Time of the pick ÷ time of the fastest strategy, paired by round of blocks. */
  ratio: v.optional(summarySchema),
  /** Time of the pick in a second series ÷ its own time. */
  noise: v.optional(summarySchema),
});

const point = v.object({
  name: v.string(),
  x: v.number(),
  description: v.string(),
  /** Steps of one call of `execute`; undefined: as many as a block takes. */
  handOver: v.optional(count),
  work: v.object({ flops: v.number(), bytes: v.number(), samples: v.number(), networks: v.number() }),
  /** Undefined where no strategy could be planned. */
  pick: v.optional(pick),
  rows: v.array(v.variant("status", [timedStrategy, failedStrategy])),
});

/** Where another strategy becomes the fastest: between two points, and about where their lines cross. */
const crossover = v.object({ from: strategy, to: strategy, below: v.number(), above: v.number(), at: v.number() });

const sweep = v.object({
  name: v.string(),
  title: v.string(),
  axis: v.string(),
  points: v.array(point),
  crossovers: v.array(crossover),
});

export const strategiesSchema = v.object({
  schemaVersion: v.literal(strategiesSchemaVersion),
  bench: v.literal("strategies"),
  machine: machineSchema,
  /** Blocks, their least time and the other settings of the protocol. */
  protocol: v.record(v.string(), v.union([v.number(), v.string(), v.boolean()])),
  /** Best seen in this run; undefined: the adapter has no timestamps. */
  ceilings: v.optional(gpuCeilingsSchema),
  sweeps: v.array(sweep),
  /** What makes the run fail; empty in every record that is kept. */
  problems: v.array(v.string()),
});

export type StrategiesRecord = v.InferOutput<typeof strategiesSchema>;
export type StrategiesSweep = v.InferOutput<typeof sweep>;
export type StrategiesPoint = v.InferOutput<typeof point>;
export type StrategyRow = StrategiesPoint["rows"][number];
export type TimedPath = v.InferOutput<typeof timedStrategy>;
export type FailedPath = v.InferOutput<typeof failedStrategy>;
export type PlannersPick = v.InferOutput<typeof pick>;
export type Crossover = v.InferOutput<typeof crossover>;

export const isTimed = (row: StrategyRow): row is TimedPath => row.status === "timed";

/**
 * @param name of the file, for messages
 * @throws InvalidInput where it is no record of the bench of strategies, or a field of it is wrong
 */
export const readStrategiesRecord = (text: string, name: string): StrategiesRecord =>
  readSweepsRecord(strategiesSchema, { bench: "strategies", schemaVersion: strategiesSchemaVersion }, text, name);

/**
 * What `readStrategiesRecord` reads, with fields in the order of the schema.
 * @throws InvalidInput where it could not be read, such as with a NaN in it
 */
export const writeStrategiesRecord = (record: StrategiesRecord): string =>
  toJson(readStrategiesRecord(toJson(record), "writeStrategiesRecord"));
