import type { Dataset, FloatArray } from "../backend/executor.ts";
import { InvalidInput } from "../errors.ts";
import { isRowWise, requireInteger, takesLogits } from "../graph/network.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { orderKey, permute, streams } from "../random.ts";

/** Rows of a data set in an order in which every fold lies together. */
export interface Folds {
  /** Row at each place of that order. */
  readonly order: Uint32Array;
  /** Place of the first row of each fold, and behind the last one the number of rows. */
  readonly starts: readonly number[];
  /** Fold of each row. */
  readonly foldOf: Uint32Array;
}

/** Class of each row: of softmax the largest target, of one binary output the nearer end. */
function classesOf({ loss, outputs }: AnyNetwork, targets: FloatArray): Uint32Array | undefined {
  if (!takesLogits(loss) || !(isRowWise(loss) || outputs === 1)) return undefined;
  return Uint32Array.from({ length: targets.length / outputs }, (_, row) => {
    if (outputs === 1) return targets[row]! >= 0.5 ? 1 : 0;
    let best = 0;
    for (let at = 1; at < outputs; at++) if (targets[row * outputs + at]! > targets[row * outputs + best]!) best = at;
    return best;
  });
}

interface FoldRequest {
  readonly folds: number;
  readonly seed: number;
  /** Default: where the targets are classes. */
  readonly stratified?: boolean | undefined;
}

/**
 * Deals rows to folds, in a seeded order: every row to one, sizes differ by one at most, and so do, stratified, the rows of each class.
 * @throws InvalidInput
 */
export function dealFolds(network: AnyNetwork, { targets }: Dataset, { folds, seed, stratified }: FoldRequest): Folds {
  const rows = targets.length / network.outputs;
  requireInteger("crossValidate: folds", folds, 2, rows);
  const classes = classesOf(network, targets);
  if (stratified && !classes) {
    const expected = "classes: softmaxCrossEntropy, or binaryCrossEntropy of one output";
    throw new InvalidInput({ place: "crossValidate: stratified", expected, got: "another loss", fix: "leave it out" });
  }
  const key = orderKey(seed, streams.split, 0);
  const dealt = Array.from({ length: rows }, (_, place) => permute(place, rows, key));
  if (classes && stratified !== false) dealt.sort((a, b) => classes[a]! - classes[b]!); // stable: shuffled within a class
  const foldOf = new Uint32Array(rows);
  for (const [place, row] of dealt.entries()) foldOf[row] = place % folds;
  const starts = Array.from(
    { length: folds + 1 },
    (_, fold) => fold * Math.floor(rows / folds) + Math.min(fold, rows % folds),
  );
  const next = starts.slice();
  const order = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) order[next[foldOf[row]!]!++] = row;
  return { order, starts, foldOf };
}

/** Values [rows, width] in an order of rows. */
function reordered(values: FloatArray, order: Uint32Array): FloatArray {
  const width = values.length / order.length;
  const all = values.slice() as FloatArray;
  for (const [place, row] of order.entries()) all.set(values.subarray(row * width, (row + 1) * width), place * width);
  return all;
}

/** Rows in another order. */
export const inOrder = ({ inputs, targets, weights, ...rest }: Dataset, order: Uint32Array): Dataset => ({
  ...rest,
  inputs: reordered(inputs, order),
  targets: reordered(targets, order),
  ...(weights && { weights: reordered(weights, order) }),
});

/** Some neighbouring rows. */
export const rowsBetween = (
  { inputs, targets, weights, ...rest }: Dataset,
  network: AnyNetwork,
  [first, end]: readonly [number, number],
): Dataset => ({
  ...rest,
  inputs: inputs.subarray(first * network.inputs, end * network.inputs),
  targets: targets.subarray(first * network.outputs, end * network.outputs),
  ...(weights && { weights: weights.subarray(first, end) }),
});
