import type { Dataset } from "../backend/executor.ts";
import { InvalidInput } from "../errors.ts";
import { MemberSums, type MetricsPlan, planMetrics } from "../metrics/memberSums.ts";
import type { MetricName, MetricShape } from "../metrics/metrics.ts";
import { classRows, classTargets } from "../metrics/rows.ts";
import { type ClassPredictions, type NumberPredictions, type Predictions, toPredictions } from "./predictions.ts";
import type { Preprocessing } from "./preprocessing.ts";

/** Metrics that were requested. */
interface AskedMetrics {
  readonly metrics?: { readonly [Name in MetricName]?: number };
}

/** How good predicted classes are. The names and formulas are those of scikit-learn. */
export interface ClassScore extends AskedMetrics {
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
  /** Metrics that were requested and that each class has. */
  readonly perClass?: { readonly [Name in MetricName]?: readonly number[] };
}

const always: readonly MetricName[] = ["accuracy", "balancedAccuracy", "f1", "confusionMatrix"];

/** How good predicted numbers are. */
export interface NumberScore extends AskedMetrics {
  readonly kind: "number";
  readonly rows: number;
  /** In the units of the table; r2 is 0 for always predicting the mean, and NaN of a single row. */
  readonly columns: readonly { readonly name: string; readonly rmse: number; readonly r2: number }[];
  /** Metrics that were requested, of each target. */
  readonly perOutput?: { readonly [Name in MetricName]?: readonly number[] };
}

/** How good predictions are on rows whose targets are known. */
export type PredictionScore = ClassScore | NumberScore;

export interface ScoreOptions {
  /** Metrics besides those that are always computed. */
  readonly metrics?: readonly MetricName[] | undefined;
}

const shapeOf = ({ target }: Preprocessing): MetricShape => {
  if (target.kind === "number") return { task: "regression", width: target.columns.length };
  const width = target.values.length;
  return { task: width === 2 ? "binary" : "multiclass", width };
};

/** Throws `InvalidInput` on metrics that do not fit the target. */
export function requireMetrics(place: string, metrics: readonly MetricName[], preprocessing: Preprocessing): void {
  planMetrics(place, metrics, shapeOf(preprocessing));
}

/** A sum over classes that are no probabilities is not 1. */
const tolerance = 1e-4;

function areProbabilities(scores: Float64Array, classes: number): boolean {
  for (let at = 0; at < scores.length; at += classes) {
    const row = scores.subarray(at, at + classes);
    const sum = row.reduce((a, b) => a + b, 0);
    if (!(Math.abs(sum - 1) < tolerance && row.every((value) => value >= 0))) return false;
  }
  return true;
}

function requireProbabilities({ metrics }: MetricsPlan, scores: Float64Array, classes: number): void {
  const [name] = [...metrics].find(([, { needsProbabilities }]) => needsProbabilities) ?? [];
  if (name === undefined || areProbabilities(scores, classes)) return;
  throw new InvalidInput({
    place: `metrics: ${name}`,
    expected: "probabilities, which binaryCrossEntropy and softmaxCrossEntropy give",
    got: "scores of another loss",
    fix: `leave ${name} out, or train with one of these losses`,
  });
}

/** The metrics that were requested, of one member. */
function askedFor(sums: MemberSums, names: readonly MetricName[]) {
  const found = names.map((name) => [name, sums.of(name)] as const).filter(([, { matrix }]) => !matrix);
  const parts = found.filter(([, { each }]) => each).map(([name, { each }]) => [name, [...each!]] as const);
  return {
    metrics: Object.fromEntries(found.map(([name, { value }]) => [name, value])),
    parts: Object.fromEntries(parts),
  };
}

function scoreClasses(
  predictions: ClassPredictions,
  truth: ClassPredictions,
  asked: readonly MetricName[],
): ClassScore {
  const { classes, scores } = predictions;
  const width = classes.length;
  const shape = { task: width === 2 ? "binary" : "multiclass", width } as const;
  const plan = planMetrics("scorePredictions", [...always, ...asked], shape);
  requireProbabilities(plan, scores, width);
  const sums = new MemberSums(plan);
  sums.add([classRows(classTargets(width, truth.scores), scores)]);
  const matrix = sums.of("confusionMatrix").matrix!;
  const rows = truth.chosen.length;
  const { metrics, parts } = askedFor(sums, asked);
  return {
    kind: "class",
    rows,
    correct: matrix.reduce((correct, row, index) => correct + row[index]!, 0),
    accuracy: sums.of("accuracy").value,
    baseline: Math.max(...matrix.map((row) => row.reduce((a, b) => a + b))) / rows,
    balancedAccuracy: sums.of("balancedAccuracy").value,
    macroF1: sums.of("f1").value,
    classes,
    confusion: matrix,
    ...(asked.length > 0 && { metrics, perClass: parts }),
  };
}

function scoreNumbers(
  predictions: NumberPredictions,
  truth: NumberPredictions,
  asked: readonly MetricName[],
): NumberScore {
  const width = predictions.columns.length;
  const shape = { task: "regression", width } as const;
  const sums = new MemberSums(planMetrics("scorePredictions", ["rmse", "r2", ...asked], shape));
  sums.add([{ outputs: width, values: predictions.values, targets: truth.values }]);
  const [rmse, r2] = [sums.of("rmse").each!, sums.of("r2").each!];
  const { metrics, parts } = askedFor(sums, asked);
  return {
    kind: "number",
    rows: truth.values.length / width,
    columns: predictions.columns.map((name, column) => ({ name, rmse: rmse[column]!, r2: r2[column]! })),
    ...(asked.length > 0 && { metrics, perOutput: parts }),
  };
}

/**
 * Compares predictions with the targets of the same rows, by the definitions that `model.evaluate` has; numbers in the units of the table.
 * @throws InvalidInput on metrics that do not fit
 */
export function scorePredictions(
  preprocessing: Preprocessing,
  predictions: Predictions,
  data: Dataset,
  { metrics = [] }: ScoreOptions = {},
): PredictionScore {
  const truth = toPredictions(preprocessing, data.targets, 1);
  if (predictions.kind === "class" && truth.kind === "class") return scoreClasses(predictions, truth, metrics);
  if (predictions.kind === "number" && truth.kind === "number") return scoreNumbers(predictions, truth, metrics);
  throw new TypeError("scorePredictions: predictions and targets differ in kind");
}
