import type { Command } from "commander";
import { type MetricName, metricNames, type Preprocessing } from "../data.ts";
import type { MetricOptions } from "../node.ts";
import { folded, list } from "./flags.ts";
import { monitoredOf, type StoppingFlags } from "./stopping.ts";

/** Converts names as people write them, `roc-auc`, to metric names; unknown names are reported later, where the task is known. */
const metrics = (text: string): MetricName[] =>
  list("--metrics")(text).map(
    (name) => metricNames.find((known) => folded(known) === folded(name)) ?? (name as MetricName),
  );

export function addMetricsOption(command: Command): Command {
  return command.option(
    "--metrics <names>",
    `additional scores: ${metricNames.join(", ")}, top3 (those that fit the target)`,
    metrics,
  );
}

/** Options of additional metrics: errors of numbers are in the units of the table. */
export function metricOptions(
  flags: StoppingFlags & { readonly metrics?: readonly MetricName[] },
  { target }: Preprocessing,
): MetricOptions {
  const names = new Set([...(flags.metrics ?? []), ...monitoredOf(flags)]);
  if (names.size === 0) return {};
  return { metrics: [...names], ...(target.kind === "number" && { targetUnits: target.columns }) };
}
