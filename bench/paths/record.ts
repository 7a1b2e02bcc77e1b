import * as v from "valibot";
import { pathNames } from "../../src/backend/executor.ts";
import { readSweepsRecord, toJson } from "../race/readRecord.ts";
import { checkSchema, countsSchema, gpuCeilingsSchema, machineSchema, summarySchema } from "../race/record.ts";

// What the bench of paths leaves behind: the schema of bench/results/*-paths.json, and the types that follow from it.

/** Raise it with every change that an older reader would misread. */
export const pathsSchemaVersion = 1;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const path = v.picklist(pathNames);

/** What `planRun` tells of a path. */
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

const timedPath = v.object({
  status: v.literal("timed"),
  path,
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

/** cannot: the path does not take such a run; memory: it does not fit the device; wrong, failed: what should not be. */
const failedPath = v.object({
  status: v.picklist(["cannot", "memory", "wrong", "failed"]),
  path,
  reason: v.string(),
});

const pick = v.object({
  path,
  reason: v.string(),
  /** no times: the path that was picked has none, or none has. */
  verdict: v.picklist(["fastest", "within noise", "slower", "no times"]),
  fastest: v.optional(path),
  /** Time of the pick ÷ time of the fastest path, paired by round of blocks. */
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
  /** Undefined where no path could be planned. */
  pick: v.optional(pick),
  rows: v.array(v.variant("status", [timedPath, failedPath])),
});

/** Where another path becomes the fastest: between two points, and about where their lines cross. */
const crossover = v.object({ from: path, to: path, below: v.number(), above: v.number(), at: v.number() });

const sweep = v.object({
  name: v.string(),
  title: v.string(),
  axis: v.string(),
  points: v.array(point),
  crossovers: v.array(crossover),
});

export const pathsSchema = v.object({
  schemaVersion: v.literal(pathsSchemaVersion),
  bench: v.literal("paths"),
  machine: machineSchema,
  /** Blocks, their least time and the other settings of the protocol. */
  protocol: v.record(v.string(), v.union([v.number(), v.string(), v.boolean()])),
  /** Best seen in this run; undefined: the adapter has no timestamps. */
  ceilings: v.optional(gpuCeilingsSchema),
  sweeps: v.array(sweep),
  /** What makes the run fail; empty in every record that is kept. */
  problems: v.array(v.string()),
});

export type PathsRecord = v.InferOutput<typeof pathsSchema>;
export type PathsSweep = v.InferOutput<typeof sweep>;
export type PathsPoint = v.InferOutput<typeof point>;
export type PathRow = PathsPoint["rows"][number];
export type TimedPath = v.InferOutput<typeof timedPath>;
export type FailedPath = v.InferOutput<typeof failedPath>;
export type PlannersPick = v.InferOutput<typeof pick>;
export type Crossover = v.InferOutput<typeof crossover>;

export const isTimed = (row: PathRow): row is TimedPath => row.status === "timed";

/**
 * @param name of the file, for messages
 * @throws InvalidInput where it is no record of the bench of paths, or a field of it is wrong
 */
export const readPathsRecord = (text: string, name: string): PathsRecord =>
  readSweepsRecord(pathsSchema, { bench: "paths", schemaVersion: pathsSchemaVersion }, text, name);

/**
 * What `readPathsRecord` reads, with fields in the order of the schema.
 * @throws InvalidInput where it could not be read, such as with a NaN in it
 */
export const writePathsRecord = (record: PathsRecord): string =>
  toJson(readPathsRecord(toJson(record), "writePathsRecord"));
