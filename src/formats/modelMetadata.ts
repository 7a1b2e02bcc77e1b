import * as v from "valibot";
import { dateForms } from "../data/dates.ts";
import type { Preprocessing } from "../data/preprocessing.ts";
import type { Labels } from "../data/spelling.ts";
import { BadFile, InvalidInput } from "../errors.ts";
import { type AnyNetwork, isGraph } from "../graph/graphNetwork.ts";
import {
  type DenseLayer,
  type Network,
  type NetworkOptions,
  activationNames,
  lossNames,
  network,
} from "../graph/network.ts";
import { decodeGraph, encodeGraph, graphSchema, ownSchema } from "./graphSchema.ts";

/** How a model was trained: a record for people, nothing depends on it. */
export interface TrainingSummary {
  /** Steps done; for an interrupted training, the steps that had been reported. */
  readonly steps: number;
  readonly epochs: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly optimizer: string;
  readonly learningRate: number;
  readonly trainingRows: number;
  /** False when training was interrupted. */
  readonly finished: boolean;
}

/** What a model file says about its tensors. */
export interface ModelMetadata {
  readonly network: AnyNetwork;
  readonly preprocessing?: Preprocessing | undefined;
  readonly training?: TrainingSummary | undefined;
}

const format = "thalweg";
/** Holds the state of a training: the file is a checkpoint. */
export const stateKey = "state";
const version = "2";
/** Of networks that are no list of dense layers: an earlier thalweg then says that it is too old. */
const graphVersion = "3";
/** Models of version 1 have columns without formats and fills, which are optional here. */
const readableVersions = ["1", version, graphVersion];

const name = v.pipe(v.string(), v.maxLength(10_000));
const finite = v.pipe(v.number(), v.finite());
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const architectureSchema = v.strictObject({
  inputs: v.number(),
  layers: v.array(v.strictObject({ width: v.number(), activation: v.union([v.picklist(activationNames), ownSchema]) })),
  loss: v.union([v.picklist(lossNames), ownSchema]),
});

const different = v.check((names: string[]) => new Set(names).size === names.length, "different names");
const deviation = v.pipe(finite, v.gtValue(0));
const formatSchema = v.strictObject({
  decimal: v.picklist([".", ","]),
  thousands: v.picklist(["", ",", ".", " ", "'", "_"]),
  percent: v.boolean(),
  prefix: name,
  suffix: name,
  footnotes: v.boolean(),
  accounting: v.optional(v.boolean()),
});
const numberColumnSchema = v.strictObject({
  kind: v.literal("number"),
  name,
  mean: finite,
  deviation,
  format: v.optional(formatSchema),
  fill: v.optional(finite),
  indicator: v.optional(v.boolean()),
});
const dateColumnSchema = v.strictObject({
  kind: v.literal("date"),
  name,
  form: v.picklist(dateForms),
  mean: finite,
  deviation,
  cycles: v.pipe(v.array(v.picklist(["year", "week", "day"])), v.maxLength(3)),
  fill: v.optional(finite),
  indicator: v.optional(v.boolean()),
});
const values = v.pipe(v.array(name), v.minLength(1), different);
const labels = { values, spellings: v.optional(v.array(v.tuple([name, name]))), ignoreCase: v.optional(v.boolean()) };
const categoryColumnSchema = v.strictObject({
  kind: v.literal("category"),
  name,
  ...labels,
  encoding: v.optional(v.literal("numbered")),
  fill: v.optional(name),
  indicator: v.optional(v.boolean()),
});
const classTargetSchema = v.strictObject({
  kind: v.literal("class"),
  name,
  ...labels,
  values: v.pipe(values, v.minLength(2)),
  encoding: v.picklist(["oneHot", "binary"]),
});
const numberTargetSchema = v.strictObject({
  kind: v.literal("number"),
  columns: v.pipe(v.array(numberColumnSchema), v.minLength(1)),
});
const preprocessingSchema = v.pipe(
  v.strictObject({
    inputs: v.pipe(
      v.array(v.variant("kind", [numberColumnSchema, categoryColumnSchema, dateColumnSchema])),
      v.minLength(1),
    ),
    target: v.variant("kind", [classTargetSchema, numberTargetSchema]),
    missingWords: v.optional(v.strictObject({ inNumbers: v.array(name), inTexts: v.array(name) })),
  }),
  v.check(
    ({ inputs, target }) => [...inputs, target].every((column) => !("spellings" in column) || areSpellings(column)),
    "spellings of the values",
  ),
);

const trainingSchema = v.strictObject({
  steps: count,
  epochs: count,
  batchSize: count,
  seed: count,
  optimizer: name,
  learningRate: finite,
  trainingRows: count,
  finished: v.boolean(),
});

function areSpellings({ values: known, spellings = [] }: Labels): boolean {
  const all = new Set(known);
  return spellings.every(([, value]) => all.has(value));
}

const layersOf = ({ layers }: Network): DenseLayer[] =>
  layers.map(({ fanOut, activation }) => ({ width: fanOut, activation }));

const listOf = (model: Network) => ({ inputs: model.inputs, layers: layersOf(model), loss: model.loss });

/** Metadata of a model file: texts by key. */
export function encodeMetadata({ network: model, preprocessing, training }: ModelMetadata): Map<string, string> {
  const metadata = new Map([
    ["format", format],
    ["version", isGraph(model) ? graphVersion : version],
    ["architecture", JSON.stringify(isGraph(model) ? encodeGraph(model) : listOf(model))],
  ]);
  if (preprocessing) metadata.set("preprocessing", JSON.stringify(preprocessing));
  if (training) metadata.set("training", JSON.stringify(training));
  return metadata;
}

const fix = "the file is damaged or was not written by thalweg: save the model again";

function requireText(
  metadata: ReadonlyMap<string, string>,
  key: string,
  expected: readonly string[],
  place: string,
): void {
  const got = metadata.get(key);
  if (got !== undefined && expected.includes(got)) return;
  const remedy =
    key === "version" && got !== undefined ? "use a newer thalweg to read it" : "pass a file that thalweg train wrote";
  const shown = got === undefined ? "none" : JSON.stringify(got.slice(0, 60));
  const texts = expected.map((text) => JSON.stringify(text)).join(" or ");
  throw new BadFile({ place: `${place}: ${key}`, expected: texts, got: shown, fix: remedy });
}

/** One JSON text of the metadata, checked; undefined where the key is absent. */
function parse<const Schema extends v.GenericSchema>(
  schema: Schema,
  metadata: ReadonlyMap<string, string>,
  key: string,
  place: string,
): v.InferOutput<Schema> | undefined {
  const text = metadata.get(key);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new BadFile({
      place: `${place}: ${key}`,
      expected: "valid JSON",
      got: JSON.stringify(text.slice(0, 60)),
      fix,
      cause,
    });
  }
  const checked = v.safeParse(schema, value, { abortEarly: true });
  if (checked.success) return checked.output;
  const { issues } = checked;
  const path = v.getDotPath(issues[0]);
  const where = `${place}: ${key}${path === null ? "" : `.${path}`}`;
  throw new BadFile({ place: where, expected: issues[0].expected ?? issues[0].message, got: issues[0].received, fix });
}

/** The network that a description gives. */
function describedNetwork(metadata: ReadonlyMap<string, string>, place: string): AnyNetwork | undefined {
  if (metadata.get("version") === graphVersion) {
    const graph = parse(graphSchema, metadata, "architecture", place);
    return graph && decodeGraph(graph);
  }
  const list = parse(architectureSchema, metadata, "architecture", place);
  return list && network(list as NetworkOptions);
}

function parseNetwork(metadata: ReadonlyMap<string, string>, place: string): AnyNetwork {
  const where = `${place}: architecture`;
  try {
    const found = describedNetwork(metadata, place);
    if (found) return found;
  } catch (cause) {
    if (!(cause instanceof InvalidInput)) throw cause;
    const { expected, got } = cause.fault;
    throw new BadFile({ place: `${where}: ${cause.fault.place}`, expected, got, fix, cause });
  }
  throw new BadFile({ place: where, expected: "a description of the network", got: "none", fix });
}

/**
 * Reads what `encodeMetadata` wrote.
 * @throws BadFile on another format or version, and on anything that the schemas do not allow
 */
export function decodeMetadata(metadata: ReadonlyMap<string, string>, place: string): ModelMetadata {
  requireText(metadata, "format", [format], place);
  requireText(metadata, "version", readableVersions, place);
  return {
    network: parseNetwork(metadata, place),
    preprocessing: parse(preprocessingSchema, metadata, "preprocessing", place),
    training: parse(trainingSchema, metadata, "training", place),
  };
}
