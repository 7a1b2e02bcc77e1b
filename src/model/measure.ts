import type { Dataset, Executor, FloatArray } from "../backend/executor.ts";
import { InvalidInput, LimitExceeded } from "../errors.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { takesLogits } from "../graph/network.ts";
import { type MemberMetric, MemberSums, type MetricsPlan, planMetrics } from "../metrics/memberSums.ts";
import { meanOf, type MetricName, type MetricShape } from "../metrics/metrics.ts";
import { bothClasses, classRows, type ClassTargets, classTargets } from "../metrics/rows.ts";
import { probabilitiesOf } from "./probabilities.ts";

/** Metrics besides the loss and the accuracy. */
export interface MetricOptions {
  /** Names such as "f1", "rocAuc" or "r2"; docs/training.md lists them, and an error those that fit the network. */
  readonly metrics?: readonly MetricName[] | undefined;
  /**
   * Metrics of a regression in other units than the network's: value · deviation + mean of each output, [network.outputs]. Of a table
   * that `prepare` has standardised: `preprocessing.target.columns`.
   */
  readonly targetUnits?: readonly { readonly mean: number; readonly deviation: number }[] | undefined;
}

type ByName<Value> = { readonly [Name in MetricName]?: Value };

/** The metrics that were requested; means over the members but for `memberMetrics`. NaN where one is not defined. */
export interface MetricScores {
  readonly metrics: ByName<number>;
  /** Each member's, [members]. */
  readonly memberMetrics: ByName<Float64Array>;
  /** Precision, recall and F1 of each class, and where there are more than two the areas of each against all others. */
  readonly perClass?: ByName<Float64Array>;
  /** Of each output, of a regression and of several binary outputs. */
  readonly perOutput?: ByName<Float64Array>;
  /** Rows by true class, then by predicted class. */
  readonly confusionMatrix?: readonly (readonly number[])[];
}

/** Scores that metrics of ranks keep, in values. */
const mostScores = 2 ** 27;

/** What the metrics of a network compare, by its loss. */
export function shapeOf({ loss, outputs: width }: AnyNetwork): MetricShape {
  if (loss === "softmaxCrossEntropy") return { task: width === 2 ? "binary" : "multiclass", width };
  if (loss === "binaryCrossEntropy") return { task: width === 1 ? "binary" : "multilabel", width };
  return { task: "regression", width };
}

function requireTargetUnits(place: string, { targetUnits }: MetricOptions, network: AnyNetwork): void {
  if (targetUnits === undefined) return;
  const isUnit = (unit: { readonly mean?: unknown; readonly deviation?: unknown }): boolean =>
    Number.isFinite(unit?.mean) && Number.isFinite(unit?.deviation);
  if (!takesLogits(network.loss) && targetUnits?.length === network.outputs && targetUnits.every(isUnit)) return;
  throw new InvalidInput({
    place: `${place}: targetUnits`,
    expected: `mean and deviation of each of ${network.outputs} outputs of a regression`,
    got: JSON.stringify(targetUnits)?.slice(0, 60) ?? typeof targetUnits,
    fix: "pass preprocessing.target.columns, or leave it out",
  });
}

/**
 * Checks metrics against a network.
 * @throws InvalidInput on names that are none or do not fit
 */
export function planFor(place: string, network: AnyNetwork, options: MetricOptions): MetricsPlan {
  requireTargetUnits(place, options, network);
  return planMetrics(place, options.metrics ?? [], shapeOf(network));
}

const columnOf = (values: Float64Array, width: number, column: number): Float64Array =>
  Float64Array.from({ length: values.length / width }, (_, row) => values[row * width + column]!);

/** Each output of binaryCrossEntropy as two classes. */
const inPairs = (values: Float64Array, width: number): Float64Array[] =>
  Array.from({ length: width }, (_, column) => bothClasses(columnOf(values, width, column)));

/** The targets as classes: of a softmax once, of binary outputs for each; none of numbers. */
function classesOf({ loss, outputs: width }: AnyNetwork, targets: Float64Array): ClassTargets[] {
  if (loss === "softmaxCrossEntropy") return [classTargets(width, targets)];
  return loss === "binaryCrossEntropy" ? inPairs(targets, width).map((pair) => classTargets(2, pair)) : [];
}

/** Where `targetUnits` says so in the units of the user. */
function inUnits(values: Float64Array, { targetUnits }: MetricOptions): Float64Array {
  if (!targetUnits) return values;
  return values.map((value, at) => {
    const { mean, deviation } = targetUnits[at % targetUnits.length]!;
    return value * deviation + mean;
  });
}

function requireRoom(place: string, executor: Executor, rows: number, { metrics }: MetricsPlan): void {
  const { network, members } = executor;
  const scores = members * rows * network.outputs;
  if (scores <= mostScores || ![...metrics.values()].some(({ keepsScores }) => keepsScores)) return;
  const fix = "evaluate fewer rows or members, or leave rocAuc and prAuc out";
  throw new LimitExceeded({
    place: `${place}: metrics`,
    expected: `at most ${mostScores} scores for metrics of ranks`,
    got: String(scores),
    fix,
  });
}

/** Mean over members, place by place. */
const meanOfMembers = (lists: readonly ArrayLike<number>[]): Float64Array =>
  Float64Array.from(lists[0]!, (_, at) => meanOf(Float64Array.from(lists, (list) => list[at]!)));

function scoresOf({ shape, metrics }: MetricsPlan, members: readonly MemberSums[]): MetricScores {
  const means: Partial<Record<MetricName, number>> = {};
  const own: Partial<Record<MetricName, Float64Array>> = {};
  const parts: Partial<Record<MetricName, Float64Array>> = {};
  let matrix: readonly (readonly number[])[] | undefined;
  for (const name of metrics.keys()) {
    const found: MemberMetric[] = members.map((sums) => sums.of(name));
    if (found[0]!.matrix) {
      matrix = found[0]!.matrix.map((_, row) => [...meanOfMembers(found.map((member) => member.matrix![row]!))]);
      continue;
    }
    own[name] = Float64Array.from(found, ({ value }) => value);
    means[name] = meanOf(own[name]);
    if (found[0]!.each) parts[name] = meanOfMembers(found.map(({ each }) => each!));
  }
  const hasClasses = shape.task === "binary" || shape.task === "multiclass";
  return {
    metrics: means,
    memberMetrics: own,
    ...(hasClasses ? { perClass: parts } : { perOutput: parts }),
    ...(matrix && { confusionMatrix: matrix }),
  };
}

/** Rows of data whose outputs are available. */
export interface Slice {
  /** [rows, network.outputs]. */
  readonly targets: Float64Array;
  /** [rows]. */
  readonly weights: FloatArray | undefined;
}

/** Metrics of members, from their outputs slice by slice. */
interface Measurement {
  visit(slice: Slice): (outputs: Float64Array, member: number) => void;
  scores(): MetricScores;
}

/**
 * Begins to take metrics on rows of data.
 * @throws InvalidInput on metrics that do not fit, LimitExceeded where those of ranks would have to keep too much
 */
export function measure(executor: Executor, data: Dataset, options: MetricOptions): Measurement {
  const { network, members } = executor;
  const { loss, outputs: width } = network;
  const plan = planFor("evaluate", network, options);
  requireRoom("evaluate", executor, data.targets.length / width, plan);
  const sums = Array.from({ length: members }, () => new MemberSums(plan));
  return {
    visit({ targets: own, weights }) {
      const targets = inUnits(own, options);
      const classes = classesOf(network, targets);
      return (outputs, member) => {
        const values = probabilitiesOf(network, inUnits(outputs, options)) as Float64Array;
        const scores = loss === "binaryCrossEntropy" ? inPairs(values, width) : [values];
        const rows = classes.map((each, k) => classRows(each, scores[k]!, weights));
        sums[member]!.add(rows.length > 0 ? rows : [{ outputs: width, values, targets, weights }]);
      };
    },
    scores: () => scoresOf(plan, sums),
  };
}
