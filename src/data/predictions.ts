import type { Dataset, FloatArray } from "../executor.ts";
import { type Preprocessing, outputWidth } from "./preprocessing.ts";

/** Class per row, with one score per class: probabilities, or outputs of a network whose loss gives none. */
export interface ClassPredictions {
  readonly kind: "class";
  readonly classes: readonly string[];
  /** Index into `classes` per row. */
  readonly chosen: Uint32Array;
  /** [rows, classes], mean over the replicas. */
  readonly scores: Float64Array;
}

/** Values per row in the units of the table. */
export interface NumberPredictions {
  readonly kind: "number";
  readonly columns: readonly string[];
  /** [rows, columns], mean over the replicas. */
  readonly values: Float64Array;
}

export type Predictions = ClassPredictions | NumberPredictions;

/** How good predictions are on rows whose targets are known. */
export type PredictionScore =
  | {
      readonly kind: "class";
      readonly rows: number;
      readonly correct: number;
      readonly accuracy: number;
      /** Accuracy of always naming the most frequent class. */
      readonly baseline: number;
    }
  | {
      readonly kind: "number";
      readonly rows: number;
      /** In the units of the table; r2 is 0 for always predicting the mean, undefined where the target does not vary. */
      readonly columns: readonly { readonly name: string; readonly rmse: number; readonly r2: number | undefined }[];
    };

/** [replicas, size] → [size] */
function meanOverReplicas(values: FloatArray, replicas: number): Float64Array {
  const size = values.length / replicas;
  const mean = new Float64Array(size);
  for (const [index, value] of values.entries()) mean[index % size]! += value / replicas;
  return mean;
}

/** Index of the largest value in each row of [rows, width]; the first of equals. */
function largest(values: Float64Array, width: number): Uint32Array {
  return Uint32Array.from({ length: values.length / width }, (_, row) => {
    let best = 0;
    for (let k = 1; k < width; k++) if (values[row * width + k]! > values[row * width + best]!) best = k;
    return best;
  });
}

/** One value p per row → [1 − p, p] */
const bothClasses = (values: Float64Array): Float64Array =>
  Float64Array.from({ length: values.length * 2 }, (_, k) => (k % 2 === 0 ? 1 - values[k >> 1]! : values[k >> 1]!));

/**
 * Gives network outputs their meaning: classes with scores, or values in the units of the table.
 * @param values [replicas, rows, outputs]: probabilities where the loss takes logits, else the outputs
 */
export function toPredictions(preprocessing: Preprocessing, values: FloatArray, replicas: number): Predictions {
  const { target } = preprocessing;
  const mean = meanOverReplicas(values, replicas);
  if (target.kind === "class") {
    const scores = target.encoding === "binary" ? bothClasses(mean) : mean;
    return { kind: "class", classes: target.values, chosen: largest(scores, target.values.length), scores };
  }
  const { columns } = target;
  const inUnits = mean.map((value, index) => {
    const { mean: centre, deviation } = columns[index % columns.length]!;
    return value * deviation + centre;
  });
  return { kind: "number", columns: columns.map(({ name }) => name), values: inUnits };
}

function scoreClasses({ chosen, classes }: ClassPredictions, truth: Uint32Array): PredictionScore {
  const counts = new Uint32Array(classes.length);
  let correct = 0;
  for (const [row, index] of truth.entries()) {
    counts[index]!++;
    if (chosen[row] === index) correct++;
  }
  const rows = truth.length;
  return { kind: "class", rows, correct, accuracy: correct / rows, baseline: Math.max(...counts) / rows };
}

function scoreColumn(
  values: Float64Array,
  truth: Float64Array,
  width: number,
  column: number,
): [number, number | undefined] {
  const rows = truth.length / width;
  let mean = 0;
  for (let row = 0; row < rows; row++) mean += truth[row * width + column]! / rows;
  let errors = 0;
  let spread = 0;
  for (let k = column; k < truth.length; k += width) {
    errors += (values[k]! - truth[k]!) ** 2;
    spread += (truth[k]! - mean) ** 2;
  }
  return [Math.sqrt(errors / rows), spread > 0 ? 1 - errors / spread : undefined];
}

/** Compares predictions with the targets of the same rows. */
export function scorePredictions(
  preprocessing: Preprocessing,
  predictions: Predictions,
  data: Dataset,
): PredictionScore {
  const truth = toPredictions(preprocessing, data.targets, 1);
  if (predictions.kind === "class" && truth.kind === "class") return scoreClasses(predictions, truth.chosen);
  if (predictions.kind !== "number" || truth.kind !== "number") {
    throw new TypeError("scorePredictions: predictions and targets are of different kinds");
  }
  const width = outputWidth(preprocessing);
  const columns = predictions.columns.map((name, column) => {
    const [rmse, r2] = scoreColumn(predictions.values, truth.values, width, column);
    return { name, rmse, r2 };
  });
  return { kind: "number", rows: truth.values.length / width, columns };
}
