// What the curves show of a run: which measure over what, how smooth.

import type { HistoryEntry, Mark } from "./history.ts";

export const measureNames = ["loss", "accuracy"] as const;
export type Measure = (typeof measureNames)[number];
export const axisNames = ["step", "epoch", "seconds"] as const;
export type AxisName = (typeof axisNames)[number];

export interface CurveView {
  readonly measure: Measure;
  /** Of losses. */
  readonly isLogarithmic: boolean;
  readonly axis: AxisName;
  /** Share of the average before that each value keeps: 0 to 0.99. */
  readonly smoothing: number;
}

/** The curves of a training. */
export interface Run {
  readonly name: string;
  /** What was trained, in words. */
  readonly settings: string;
  /** The state it was trained with: what follows `?` in the address. */
  readonly address: string;
  readonly entries: readonly HistoryEntry[];
  readonly marks: readonly Mark[];
}

export type Values = (number | null)[];

/** null: nothing to draw there. */
export interface RunLines {
  readonly xs: number[];
  readonly training: Values;
  readonly test: Values;
  /** The same before smoothing. */
  readonly rawTraining: Values;
  readonly rawTest: Values;
}

/** A logarithm has no zero. */
const leastLoss = 1e-12;

/**
 * Exponential average; its first values are not drawn towards zero: each is divided by the weight that it has collected.
 * Gaps stay gaps.
 */
export function smooth(values: Values, factor: number): Values {
  if (factor === 0) return values;
  let [sum, weight] = [0, 0];
  return values.map((value) => {
    if (value === null) return null;
    sum = factor * sum + (1 - factor) * value;
    weight = factor * weight + 1 - factor;
    return sum / weight;
  });
}

export function linesOf(entries: readonly HistoryEntry[], view: CurveView): RunLines {
  const isLoss = view.measure === "loss";
  const shown = (value: number | undefined): number | null => {
    if (value === undefined || !Number.isFinite(value)) return null;
    if (!isLoss) return 100 * value;
    return view.isLogarithmic ? Math.max(value, leastLoss) : value;
  };
  const rawTraining = entries.map((entry) => shown(isLoss ? entry.trainingLoss : entry.trainingAccuracy));
  const rawTest = entries.map((entry) => shown(isLoss ? entry.testLoss : entry.testAccuracy));
  return {
    xs: entries.map((entry) => entry[view.axis]),
    training: smooth(rawTraining, view.smoothing),
    test: smooth(rawTest, view.smoothing),
    rawTraining,
    rawTest,
  };
}

/** Place of the value nearest to `at`; null outside of what the line covers. */
export function nearestValue(values: ArrayLike<number | null | undefined>, at: number): number | null {
  let before = at;
  while (before >= 0 && values[before] == null) before--;
  let after = at;
  while (after < values.length && values[after] == null) after++;
  if (before < 0 || after >= values.length) return null;
  return at - before <= after - at ? before : after;
}
