import * as v from "valibot";
import { readSweepsRecord, toJson } from "../race/readRecord.ts";
import { gpuCeilingsSchema, machineSchema, summarySchema } from "../race/record.ts";
import { variantNames } from "./variants.ts";

// What the bench of products leaves behind: the schema of bench/results/*-products.json, and the types that follow from it.

/** Raise it with every change that an older reader would misread. */
export const productsSchemaVersion = 2;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const variant = v.picklist(variantNames);

/** A variant, or with `isLibrary` what the library takes when nothing is forced on it. */
const head = { variant, isLibrary: v.boolean() };

const timedVariant = v.object({
  status: v.literal("timed"),
  ...head,
  /** Slices of the sums: the fastest that were tried, or those that the library takes. */
  splits: count,
  check: v.object({
    entries: count,
    /** False where all entries were held against float64. */
    isSample: v.boolean(),
    notFinite: count,
    /** Largest error in units of 2⁻²⁴ Σ|a||b|, and what it may be. */
    deviation: v.number(),
    bound: v.number(),
  }),
  productsPerBlock: count,
  /** Milliseconds per product, a sample per block. */
  samples: v.array(v.number()),
  summary: summarySchema,
});

/** cannot: the device does not take it; slow: a product takes too long; wrong, failed: what should not be. */
const failedVariant = v.object({
  status: v.picklist(["cannot", "slow", "wrong", "failed"]),
  ...head,
  reason: v.string(),
});

const choice = v.object({
  /** That the library takes. */
  variant,
  /** slower: the lower quartile of its ratio is above 1.1, and above the noise where that is known. */
  verdict: v.picklist(["fast enough", "within noise", "slower", "no times"]),
  fastest: v.optional(variant),
  /** Time of what the library takes ÷ time of the fastest variant, paired by round of blocks. */
  ratio: v.optional(summarySchema),
  /** Time of the same variant when it is forced ÷ time of what the library takes, where these are the same work. */
  noise: v.optional(summarySchema),
});

const shape = v.object({
  /** Matrices; undefined: one. */
  batch: v.optional(count),
  m: count,
  n: count,
  k: count,
  transposeA: v.boolean(),
  transposeB: v.boolean(),
});

const point = v.object({
  name: v.string(),
  x: v.number(),
  description: v.string(),
  shape,
  work: v.object({ flops: v.number(), bytes: v.number() }),
  choice,
  /** Why nothing was timed here. */
  leftOut: v.optional(v.string()),
  rows: v.array(v.variant("status", [timedVariant, failedVariant])),
});

const shapeClass = v.object({ name: v.string(), title: v.string(), axis: v.string(), points: v.array(point) });

const productsSchema = v.object({
  schemaVersion: v.literal(productsSchemaVersion),
  bench: v.literal("products"),
  machine: machineSchema,
  /** Blocks, their least time and the other settings of the protocol. */
  protocol: v.record(v.string(), v.union([v.number(), v.string(), v.boolean()])),
  /** Best seen in this run; undefined: the adapter has no timestamps. */
  ceilings: v.optional(gpuCeilingsSchema),
  sweeps: v.array(shapeClass),
  /** What makes the run fail; empty in every record that is kept. */
  problems: v.array(v.string()),
});

export type ProductsRecord = v.InferOutput<typeof productsSchema>;
export type ShapeClass = v.InferOutput<typeof shapeClass>;
export type ProductsPoint = v.InferOutput<typeof point>;
export type VariantRow = ProductsPoint["rows"][number];
export type TimedVariant = v.InferOutput<typeof timedVariant>;
export type FailedVariant = v.InferOutput<typeof failedVariant>;
export type Choice = v.InferOutput<typeof choice>;

export const isTimed = (row: VariantRow): row is TimedVariant => row.status === "timed";

/** The variant with the least median, of those that were forced; undefined where none has times. */
export const fastestAt = ({ rows }: Pick<ProductsPoint, "rows">): TimedVariant | undefined =>
  rows
    .filter(isTimed)
    .filter(({ isLibrary }) => !isLibrary)
    .toSorted((a, b) => a.summary.median - b.summary.median)[0];

/** What the library takes, where it has times. */
export const libraryRow = ({ rows }: Pick<ProductsPoint, "rows">): TimedVariant | undefined =>
  rows.filter(isTimed).find(({ isLibrary }) => isLibrary);

/**
 * @param name of the file, for messages
 * @throws InvalidInput where it is no record of the bench of products, or a field of it is wrong
 */
export const readProductsRecord = (text: string, name: string): ProductsRecord =>
  readSweepsRecord(productsSchema, { bench: "products", schemaVersion: productsSchemaVersion }, text, name);

/**
 * What `readProductsRecord` reads, with fields in the order of the schema.
 * @throws InvalidInput where it could not be read, such as with a NaN in it
 */
export const writeProductsRecord = (record: ProductsRecord): string =>
  toJson(readProductsRecord(toJson(record), "writeProductsRecord"));
