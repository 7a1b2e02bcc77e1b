import type { FloatArray } from "../backend/executor.ts";

/** Rows of a classification, as metrics compare them: of two classes, or of more. */
export interface ClassRows {
  readonly classes: number;
  /** Class of each row: that of its largest target. */
  readonly truth: Uint32Array;
  /** Class that is predicted. */
  readonly chosen: Uint32Array;
  /** [rows, classes], probabilities where a metric needs these. Kept by metrics of ranks: not to be written to afterwards. */
  readonly scores: Float64Array;
  /** [rows, classes], from 0 to 1. */
  readonly targets: Float64Array;
  /** Weight of each row; default 1. */
  readonly weights?: FloatArray | undefined;
}

/** Rows of a regression. */
export interface NumberRows {
  readonly outputs: number;
  /** [rows, outputs]. */
  readonly values: Float64Array;
  /** [rows, outputs]. */
  readonly targets: Float64Array;
  /** Weight of each row; default 1. */
  readonly weights?: FloatArray | undefined;
}

export type Rows = ClassRows | NumberRows;

/** Targets of a classification, [rows, classes], and the class of each row. */
export type ClassTargets = Pick<ClassRows, "classes" | "targets" | "truth">;

export const classTargets = (classes: number, targets: Float64Array): ClassTargets => ({
  classes,
  targets,
  truth: largestOfRows(targets, classes),
});

/** The class of the highest score is predicted. @param scores [rows, classes] @param weights [rows] */
export const classRows = (of: ClassTargets, scores: Float64Array, weights?: FloatArray): ClassRows => ({
  ...of,
  scores,
  chosen: largestOfRows(scores, of.classes),
  weights,
});

/** Index of the largest value in each row of [rows, width]; the first of equals. */
export function largestOfRows(values: Float64Array, width: number): Uint32Array {
  return Uint32Array.from({ length: values.length / width }, (_, row) => {
    let best = 0;
    for (let k = 1; k < width; k++) if (values[row * width + k]! > values[row * width + best]!) best = k;
    return best;
  });
}

/** One value p per row → [1 − p, p] */
export const bothClasses = (values: Float64Array): Float64Array =>
  Float64Array.from({ length: values.length * 2 }, (_, k) => (k % 2 === 0 ? 1 - values[k >> 1]! : values[k >> 1]!));

/** Sums over rows from which metrics follow. */
export interface Statistic<Kind extends Rows = Rows> {
  add(rows: Kind): void;
}
