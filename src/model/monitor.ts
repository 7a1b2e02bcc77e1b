import type { Dataset, Executor, FloatArray, Scores } from "../backend/executor.ts";
import { InvalidInput } from "../errors.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { requireName } from "../graph/network.ts";
import { isHigherBetter, type MetricName, metricOf } from "../metrics/metrics.ts";
import { type MetricOptions, shapeOf } from "./measure.ts";
import { evaluate } from "./metrics.ts";

// What members are judged by between events: a value of each on the validation rows, and which values are better.

/** The loss, or a metric that fits the network: docs/training.md lists them. */
export type MonitoredMetric = "loss" | MetricName;

/** By what members are compared. */
export interface MonitorOptions {
  /** On the validation rows; default: the loss. */
  readonly metric?: MonitoredMetric;
  /** Whether low or high values are good; default: what the metric means. */
  readonly mode?: "min" | "max";
}

/** Monitors that judge members again and again. */
export interface JudgedOptions extends MonitorOptions {
  /**
   * How often members are judged; default: as `logInterval` says in steps or epochs, else after every epoch. An event tells each time.
   * With an interval the validation rows are scored then and at the end, not at events in between.
   */
  readonly interval?: { readonly steps: number } | { readonly epochs: number };
}

/** With every default filled in. */
export type Monitor = Required<MonitorOptions>;

/** `loss min`: how a checkpoint calls it. */
export const monitorName = ({ metric, mode }: Monitor): string => `${metric} ${mode}`;

/**
 * Checks what members are to be judged by, and fills in defaults.
 * @throws InvalidInput
 */
export function monitorOf(place: string, { metric = "loss", mode }: MonitorOptions, network: AnyNetwork): Monitor {
  if (metric !== "loss") metricOf(`${place}: metric`, String(metric), shapeOf(network), ["loss"]);
  if (metric === "confusionMatrix") {
    const expected = "a metric that is one number";
    throw new InvalidInput({ place: `${place}: metric`, expected, got: metric, fix: "pass balancedAccuracy" });
  }
  const usual = isHigherBetter(metric) ? "max" : "min";
  if (mode !== undefined) requireName(`${place}: mode`, mode, ["min", "max"]);
  return { metric, mode: mode ?? usual };
}

/** Scores of each member, and the metrics that were requested by name, [members] each. */
export type MemberScores = Scores & { readonly [Name in MetricName]?: Float64Array };

/** Takes the scores where the outputs are, whatever the number of members: a member alone is judged by the same bits. */
export async function scoreMembers(
  executor: Executor,
  validation: Dataset,
  { metrics = [], targetUnits }: MetricOptions,
): Promise<MemberScores> {
  const options = metrics.length > 0 ? { metrics, targetUnits } : {};
  const { losses, accuracies, memberMetrics } = await evaluate(executor, validation, options, true);
  return { losses, accuracies, ...memberMetrics };
}

/** The values that members are judged by. */
export function valuesOf(scores: MemberScores, metric: MonitoredMetric): FloatArray {
  if (metric === "loss") return scores.losses;
  return (metric === "accuracy" ? scores.accuracies : scores[metric])!;
}
