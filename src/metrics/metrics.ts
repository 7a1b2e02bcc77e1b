import { closestName } from "../closest.ts";
import { InvalidInput } from "../errors.ts";
import { ClassCounts, Confusion, Places } from "./classCounts.ts";
import { NumberErrors } from "./numberErrors.ts";
import { Brier, Calibration, LogLoss } from "./probabilityErrors.ts";
import { type Areas, Ranks } from "./ranks.ts";
import type { Rows, Statistic } from "./rows.ts";

/** What is compared: two classes, more classes, outputs that each separate two classes, or numbers. */
export type MetricTask = "binary" | "multiclass" | "multilabel" | "regression";

/** A task and its width: classes of multiclass, outputs of the others. */
export interface MetricShape {
  readonly task: MetricTask;
  readonly width: number;
}

/** A metric over the rows of one member. */
export interface Measured {
  readonly value?: number;
  /** Of each class, or of each output of a regression. */
  readonly each?: Float64Array;
  readonly matrix?: readonly (readonly number[])[];
}

/** How a metric is computed from sums over rows. */
export interface Metric {
  readonly tasks: readonly MetricTask[];
  /** Which of two models is the better one. */
  readonly better: "higher" | "lower";
  /** Shared by the metrics that name the same one. @param width classes, or outputs */
  readonly statistic: new (width: number) => Statistic;
  /** Whether scores have to be probabilities. */
  readonly needsProbabilities?: boolean;
  /** Whether all scores are kept until the end. */
  readonly keepsScores?: boolean;
  of(statistic: Statistic): Measured;
}

type Fields = Omit<Metric, "statistic" | "of">;

/** A row of the table; `of` gets an instance of `statistic`. */
function metric<Kind extends Statistic<Own>, Own extends Rows>(
  fields: Fields,
  statistic: new (width: number) => Kind & Statistic<Own>,
  of: (sums: Kind) => Measured | number,
): Metric {
  return {
    ...fields,
    statistic,
    of(sums) {
      const found = of(sums as Kind);
      return typeof found === "number" ? { value: found } : found;
    },
  };
}

const classes: Fields = { tasks: ["binary", "multiclass", "multilabel"], better: "higher" };
const fewerErrors: Fields = { ...classes, better: "lower", needsProbabilities: true };
const ranks: Fields = { ...classes, keepsScores: true };
const oneOfMany: Fields = { tasks: ["multiclass"], better: "higher" };
const matrices: Fields = { tasks: ["binary", "multiclass"], better: "higher" };
const errors: Fields = { tasks: ["regression"], better: "lower" };

export const meanOf = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;
const meanOfEach = (each: Float64Array): Measured => ({ value: meanOf(each), each });
const macro = (counts: ClassCounts, each: Float64Array): Measured => ({ value: counts.macro(each), each });

/** Of two classes the area of the second; of more the mean over the classes that have rows, each against all others. */
function areaOf({ areas }: Ranks, of: (areas: Areas) => number): Measured {
  if (areas.length === 1) return { value: of(areas[0]!) };
  const each = Float64Array.from(areas, of);
  return { value: meanOf(each.filter((area, k) => areas[k]!.occurs && !Number.isNaN(area))), each };
}

/**
 * All metrics but those of a number of classes (`top3`): name → the tasks that it fits, which direction is better, and its definition from
 * sums over rows. Names and formulas are scikit-learn's; for outputs that each separate two classes, the mean over outputs.
 */
const table = {
  /** Share of the rows whose class is predicted; of several binary outputs, of the values. */
  accuracy: metric(classes, ClassCounts, ({ accuracy }) => accuracy),
  /** Mean recall of the classes that occur. */
  balancedAccuracy: metric(classes, ClassCounts, ({ balancedAccuracy }) => balancedAccuracy),
  /** Right / named; macro: the mean over the classes that occur or are named. */
  precision: metric(classes, ClassCounts, (counts) => macro(counts, counts.precision)),
  /** Right / occurring; macro. */
  recall: metric(classes, ClassCounts, (counts) => macro(counts, counts.recall)),
  /** 2 · right / (named + occurring); macro. */
  f1: metric(classes, ClassCounts, (counts) => macro(counts, counts.f1)),
  /** Area under the ROC curve, in which ties count half; of more than two classes each against all others, and their mean. */
  rocAuc: metric(ranks, Ranks, (all) => areaOf(all, ({ roc }) => roc)),
  /** Average precision: area under the curve of precision over recall, without interpolation. */
  prAuc: metric(ranks, Ranks, (all) => areaOf(all, ({ precision }) => precision)),
  /** Mean of −log p of the true class, p clipped by 2⁻⁵². */
  logLoss: metric(fewerErrors, LogLoss, ({ mean }) => mean),
  /** Mean of Σ (p − t)² over the classes, of two classes of half of it. */
  brier: metric(fewerErrors, Brier, ({ mean }) => mean),
  /** Expected calibration error, in 15 bins of equal width of the probability of the predicted class. */
  calibrationError: metric(fewerErrors, Calibration, ({ error }) => error),
  /** Rows by true class, then by predicted class. */
  confusionMatrix: metric(matrices, Confusion, ({ matrix }) => ({ matrix })),
  /** Mean of |y − t|; of several outputs the mean over them, as of all below. */
  mae: metric(errors, NumberErrors, ({ meanAbsolute }) => meanOfEach(meanAbsolute)),
  /** Root of the mean of (y − t)². */
  rmse: metric(errors, NumberErrors, ({ rootMeanSquared }) => meanOfEach(rootMeanSquared)),
  /** 1 − Σ (y − t)² / Σ (t − mean t)². */
  r2: metric({ ...errors, better: "higher" }, NumberErrors, ({ r2 }) => meanOfEach(r2)),
  /** Mean of |y − t| / |t|, a fraction. */
  mape: metric(errors, NumberErrors, ({ meanRelative }) => meanOfEach(meanRelative)),
  /** Largest |y − t|, of several outputs the largest of all. */
  maxError: metric(errors, NumberErrors, ({ largest }) => ({ value: Math.max(...largest), each: largest })),
} as const satisfies Record<string, Metric>;

/** A metric by name; `top3` is the share of the rows whose class is among the three of the highest scores. */
export type MetricName = keyof typeof table | `top${number}`;

/** All but those of a number of classes. */
export const metricNames = Object.keys(table) as readonly (keyof typeof table)[];

const rowOf = (name: string): Metric | undefined =>
  Object.hasOwn(table, name) ? table[name as keyof typeof table] : undefined;

function topOf(count: number): Metric {
  return metric(oneOfMany, Places, (places: Places) => places.within(count));
}

/** Names that fit a shape. */
function metricNamesOf({ task, width }: MetricShape): MetricName[] {
  const fitting = metricNames.filter((name) => rowOf(name)!.tasks.includes(task));
  if (task !== "multiclass" || width < 3) return fitting;
  return [...fitting, "top2", ...(width > 5 ? (["top5"] as const) : [])];
}

const taskNames: Readonly<Record<MetricTask, string>> = {
  binary: "two classes",
  multiclass: "classes",
  multilabel: "binary outputs",
  regression: "a regression",
};

/** What a metric is for that fits another task. */
function remedyOf(name: string, shape: MetricShape, fitting: readonly string[]): string {
  if (name === "loss") return "leave it out: the loss is always reported";
  const other = rowOf(name) ?? (/^top\d+$/.test(name) ? topOf(1) : undefined);
  if (!other) {
    const meant = closestName(name, [...fitting, ...metricNames]);
    return meant === undefined ? "choose among them" : `did you mean ${meant}?`;
  }
  if (shape.task === "regression") return `${name} needs classes: the loss binaryCrossEntropy or softmaxCrossEntropy`;
  if (other.tasks.includes("regression")) return `${name} is for numbers, not for classes`;
  if (shape.task === "multilabel") return `${name} needs one class per row: the loss softmaxCrossEntropy`;
  return `top takes a number from 2 to ${shape.width - 1}, where there are more than two classes`;
}

/**
 * The metric of a name.
 * @param others names that are allowed too, which messages list
 * @throws InvalidInput where there is none, or it does not fit
 */
export function metricOf(place: string, name: string, shape: MetricShape, others: readonly string[] = []): Metric {
  const found = rowOf(name);
  if (found?.tasks.includes(shape.task)) return found;
  const count = Number(/^top([1-9]\d*)$/.exec(name)?.[1]);
  if (shape.task === "multiclass" && count >= 2 && count < shape.width) return topOf(count);
  const fitting = [...others, ...metricNamesOf(shape)];
  const expected = `metrics of ${taskNames[shape.task]} among ${fitting.join(", ")}`;
  const fix = remedyOf(String(name), shape, fitting);
  throw new InvalidInput({ place, expected, got: String(name).slice(0, 60), fix });
}

/** Whether more of a metric is better, or less, as of the loss. */
export const isHigherBetter = (name: MetricName | "loss"): boolean =>
  name !== "loss" && (rowOf(name)?.better ?? "higher") === "higher";
