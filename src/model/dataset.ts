import { InvalidInput } from "../errors.ts";
import type { Dataset, FloatArray } from "../backend/executor.ts";
import { categoryColumnsOf, requireCategories } from "../graph/graph.ts";
import { type AnyNetwork, isGraph } from "../graph/graphNetwork.ts";
import type { Loss } from "../graph/network.ts";

/** Throws `InvalidInput` unless `values` is [rows, width] with at least one row and only finite values. */
export function requireRows(place: string, values: FloatArray, width: number): number {
  if (!(values instanceof Float32Array || values instanceof Float64Array)) {
    const fix = "pass Float32Array.from(values)";
    throw new InvalidInput({ place, expected: "a Float32Array or Float64Array", got: typeof values, fix });
  }
  const rows = values.length / width;
  if (!Number.isInteger(rows) || rows === 0) {
    const expected = `rows of ${width} values`;
    const fix = "pass whole rows, concatenated";
    throw new InvalidInput({ place, expected, got: `${values.length} values`, fix });
  }
  const at = values.findIndex((value) => !Number.isFinite(Math.fround(value)));
  if (at >= 0) {
    const where = `${place}: row ${Math.floor(at / width)}, column ${at % width}`;
    const fix = "remove or fill that row";
    throw new InvalidInput({ place: where, expected: "a finite f32", got: String(values[at]), fix });
  }
  return rows;
}

/** As `requireRows` for the inputs of a network, whose category columns must hold categories. @returns the number of rows */
export function requireInputs(place: string, inputs: FloatArray, network: AnyNetwork): number {
  const rows = requireRows(place, inputs, network.inputs);
  if (isGraph(network)) requireCategories(place, network.graph, network.inputs, inputs);
  return rows;
}

/** Range of targets that a loss is defined for. */
function requireTargetRange(place: string, targets: FloatArray, loss: Loss): void {
  if (loss !== "binaryCrossEntropy" && loss !== "softmaxCrossEntropy") return;
  const at = targets.findIndex((value) => value < 0 || value > 1);
  if (at < 0) return;
  const expected = `probabilities from 0 to 1 for ${loss}`;
  const fix = "encode classes as one-hot rows, or choose a regression loss";
  throw new InvalidInput({ place: `${place}: value ${at}`, expected, got: String(targets[at]), fix });
}

/** Throws `InvalidInput` where numbers of categories would be read as amounts. */
function requireEmbeddings(place: string, { categoryColumns = [] }: Dataset, network: AnyNetwork): void {
  const embedded = isGraph(network) ? categoryColumnsOf(network.graph).map(({ column }) => column) : [];
  const bare = categoryColumns.find((column) => !embedded.includes(column));
  if (bare === undefined) return;
  const expected = "an embedding for its category indices";
  const fix = 'start the layers with inputLayers(preprocessing), or prepare the table with categories: "oneHot"';
  throw new InvalidInput({ place: `${place}: column ${bare}`, expected, got: "a network without one", fix });
}

/** Throws `InvalidInput` unless `weights` has a number of at least 0 for each, and one that is more than 0. */
export function requireWeights(where: string, weights: ArrayLike<number>, count: number): void {
  const isList = Array.isArray(weights) || ArrayBuffer.isView(weights);
  if (!isList || weights.length !== count) {
    const got = isList ? String(weights.length) : String(weights);
    throw new InvalidInput({ place: where, expected: `${count} weights`, got, fix: "pass one for each" });
  }
  const all = Array.from(weights);
  const at = all.findIndex((weight) => !(weight >= 0 && Number.isFinite(Math.fround(weight))));
  if (at >= 0) {
    const fix = "pass 0 to leave it out";
    const expected = "finite numbers of at least 0";
    throw new InvalidInput({ place: `${where}: ${at}`, expected, got: String(all[at]), fix });
  }
  if (all.some((weight) => weight > 0)) return;
  throw new InvalidInput({
    place: where,
    expected: "a weight above 0",
    got: "none",
    fix: "pass 1 for those that count",
  });
}

/**
 * Throws `InvalidInput` unless inputs and targets fit the network and each other.
 * @returns the number of rows
 */
export function requireDataset(place: string, data: Dataset, network: AnyNetwork): number {
  const rows = requireInputs(`${place}: inputs`, data?.inputs, network);
  requireEmbeddings(`${place}: inputs`, data, network);
  const targetRows = requireRows(`${place}: targets`, data.targets, network.outputs);
  if (rows !== targetRows) {
    const expected = `as many target rows as input rows (${rows} × ${network.outputs} values)`;
    const fix = "pass one row of targets for each row of inputs";
    throw new InvalidInput({ place, expected, got: `${targetRows} target rows`, fix });
  }
  requireTargetRange(`${place}: targets`, data.targets, network.loss);
  if (data.weights !== undefined) requireWeights(`${place}: weights`, data.weights, rows);
  return rows;
}
