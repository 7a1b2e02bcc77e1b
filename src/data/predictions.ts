import type { FloatArray } from "../backend/executor.ts";
import { bothClasses, largestOfRows } from "../metrics/rows.ts";
import type { NumberColumn, Preprocessing } from "./preprocessing.ts";

/** Class per row, with one score per class: probabilities, or outputs of a network whose loss gives none. */
export interface ClassPredictions {
  readonly kind: "class";
  readonly classes: readonly string[];
  /** Index into `classes` per row. */
  readonly chosen: Uint32Array;
  /** [rows, classes], mean over the members. */
  readonly scores: Float64Array;
}

/** Values per row in the units of the table. */
export interface NumberPredictions {
  readonly kind: "number";
  readonly columns: readonly string[];
  /** [rows, columns], mean over the members. */
  readonly values: Float64Array;
}

export type Predictions = ClassPredictions | NumberPredictions;

/** [members, size] → [size] */
function meanOverMembers(values: FloatArray, members: number): Float64Array {
  const size = values.length / members;
  const mean = new Float64Array(size);
  for (const [index, value] of values.entries()) mean[index % size]! += value / members;
  return mean;
}

/**
 * Gives network outputs their meaning: classes with scores, or values in the units of the table.
 * @param values [members, rows, outputs]: probabilities where the loss takes logits, else the outputs
 */
export function toPredictions(preprocessing: Preprocessing, values: FloatArray, members: number): Predictions {
  const { target } = preprocessing;
  const mean = meanOverMembers(values, members);
  if (target.kind === "class") {
    const scores = target.encoding === "binary" ? bothClasses(mean) : mean;
    return { kind: "class", classes: target.values, chosen: largestOfRows(scores, target.values.length), scores };
  }
  const { columns } = target;
  const inUnits = mean.map((value, index) => {
    const { mean: centre, deviation } = columns[index % columns.length]!;
    return value * deviation + centre;
  });
  return { kind: "number", columns: columns.map(({ name }) => name), values: inUnits };
}

/**
 * Rounds a predicted number to the digits that it has: seven of its distance from the mean, which is all that float32 keeps,
 * so that 12345740.92 ± 30 has five decimals and not none.
 */
export function roundPrediction(value: number, { mean, deviation }: NumberColumn): number {
  const scale = Math.max(deviation, Math.abs(value - mean));
  const decimals = 6 - Math.floor(Math.log10(scale));
  if (!Number.isFinite(value) || !Number.isFinite(decimals)) return value;
  if (decimals > 100) return Number(value.toPrecision(7));
  if (decimals >= 0) return Number(value.toFixed(Math.min(100, decimals)));
  const units = Math.round(value / 10 ** -decimals);
  return Number.isSafeInteger(units) ? Number(`${units}e${-decimals}`) : value;
}
