import * as v from "valibot";
import { readSweepsRecord, toJson } from "../race/readRecord.ts";
import { gpuCeilingsSchema, machineSchema, summarySchema } from "../race/record.ts";

// What the bench of limits leaves behind: the schema of bench/results/*-limits.json, and the types that follow from it.

/** Raise it with every change that an older reader would misread. */
export const limitsSchemaVersion = 1;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

/** What was done to the kernels; `everything`: nothing. */
const head = { ablation: v.string(), sentence: v.string() };

const timedAblation = v.object({
  status: v.literal("timed"),
  ...head,
  /** Samples of a training step; undefined for products. */
  batchSize: v.optional(count),
  /** Of `everything`: how far its results are from float64, and how far they may be. Without a part they are wrong by nature. */
  check: v.optional(v.object({ deviation: v.number(), bound: v.number() })),
  runsPerBlock: count,
  /** Milliseconds per run, a sample per block. */
  samples: v.array(v.number()),
  summary: summarySchema,
  /** Its time ÷ that of `everything`, paired by round of blocks. */
  ratio: summarySchema,
});

const failedAblation = v.object({ status: v.picklist(["wrong", "failed"]), ...head, reason: v.string() });

const point = v.object({
  name: v.string(),
  x: v.number(),
  description: v.string(),
  /** What is timed: a training step, or a product. */
  run: v.picklist(["step", "product"]),
  /** Kernels that were compiled for `everything`. */
  kernels: v.array(v.string()),
  /** Of one run of `everything`, by formula; networks that it advances. */
  work: v.object({ flops: v.number(), networks: count }),
  /** `everything` first. */
  rows: v.array(v.variant("status", [timedAblation, failedAblation])),
});

const sweep = v.object({ name: v.string(), title: v.string(), axis: v.string(), points: v.array(point) });

const limitsSchema = v.object({
  schemaVersion: v.literal(limitsSchemaVersion),
  bench: v.literal("limits"),
  machine: machineSchema,
  /** Blocks, their least time and the other settings of the protocol. */
  protocol: v.record(v.string(), v.union([v.number(), v.string(), v.boolean()])),
  /** Best seen in this run; undefined: the adapter has no timestamps. */
  ceilings: v.optional(gpuCeilingsSchema),
  sweeps: v.array(sweep),
  /** What makes the run fail; empty in every record that is kept. */
  problems: v.array(v.string()),
});

export type LimitsRecord = v.InferOutput<typeof limitsSchema>;
export type LimitsCase = v.InferOutput<typeof sweep>;
export type LimitsPoint = v.InferOutput<typeof point>;
export type AblationRow = LimitsPoint["rows"][number];
export type TimedAblation = v.InferOutput<typeof timedAblation>;
export type FailedAblation = v.InferOutput<typeof failedAblation>;

export const isTimed = (row: AblationRow): row is TimedAblation => row.status === "timed";

/** The kernels as they are, which all else is compared with, and the same once more. */
export const everything = "everything";
export const again = "everything again";

/**
 * @param name of the file, for messages
 * @throws InvalidInput where it is no record of the bench of limits, or a field of it is wrong
 */
export const readLimitsRecord = (text: string, name: string): LimitsRecord =>
  readSweepsRecord(limitsSchema, { bench: "limits", schemaVersion: limitsSchemaVersion }, text, name);

/**
 * What `readLimitsRecord` reads, with fields in the order of the schema.
 * @throws InvalidInput where it could not be read, such as with a NaN in it
 */
export const writeLimitsRecord = (record: LimitsRecord): string =>
  toJson(readLimitsRecord(toJson(record), "writeLimitsRecord"));
