import type { Dataset } from "../backend/executor.ts";
import { type ClassPredictions, type Predictions, toPredictions } from "./predictions.ts";
import { type Preprocessing, outputWidth } from "./preprocessing.ts";

/** How good predicted classes are. The names and formulas are those of scikit-learn. */
export interface ClassScore {
  readonly kind: "class";
  readonly rows: number;
  readonly correct: number;
  readonly accuracy: number;
  /** Accuracy of always naming the most frequent class. */
  readonly baseline: number;
  /** Mean over the classes that occur of the share of their rows that are named right: 1 / classes for always naming one. */
  readonly balancedAccuracy: number;
  /** Mean of 2·right / (named + occurring) over the classes that occur or are named. */
  readonly macroF1: number;
  readonly classes: readonly string[];
  /** Rows by true class, then by predicted class. */
  readonly confusion: readonly (readonly number[])[];
}

/** How good predicted numbers are. */
export interface NumberScore {
  readonly kind: "number";
  readonly rows: number;
  /** In the units of the table; r2 is 0 for always predicting the mean, undefined where the target does not vary. */
  readonly columns: readonly { readonly name: string; readonly rmse: number; readonly r2: number | undefined }[];
}

/** How good predictions are on rows whose targets are known. */
export type PredictionScore = ClassScore | NumberScore;

const sumOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

function scoreClasses({ chosen, classes }: ClassPredictions, truth: Uint32Array): ClassScore {
  const confusion = classes.map(() => classes.map(() => 0));
  for (const [row, index] of truth.entries()) confusion[index]![chosen[row]!]!++;
  const occurring = confusion.map(sumOf);
  const named = classes.map(() => 0);
  for (const counts of confusion) for (const [index, count] of counts.entries()) named[index]! += count;
  const right = classes.map((_, index) => confusion[index]![index]!);
  const indices = [...classes.keys()];
  const present = indices.filter((index) => occurring[index]! > 0);
  const either = indices.filter((index) => occurring[index]! + named[index]! > 0);
  const rows = truth.length;
  const correct = sumOf(right);
  return {
    kind: "class",
    rows,
    correct,
    accuracy: correct / rows,
    baseline: occurring.reduce((a, b) => Math.max(a, b)) / rows,
    balancedAccuracy: sumOf(present.map((index) => right[index]! / occurring[index]!)) / present.length,
    macroF1: sumOf(either.map((index) => (2 * right[index]!) / (occurring[index]! + named[index]!))) / either.length,
    classes,
    confusion,
  };
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
