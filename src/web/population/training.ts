// From the state to what is trained.

import { seedOf } from "../playground/state.ts";
import { batchSizeOf, datasetOf, networkOf, optimizerOf, pointsOf, trainingOptionsOf } from "../playground/setup.ts";
import type { SessionSettings } from "../worker/protocol.ts";
import { networksOf, perMemberOf } from "./grid.ts";
import type { PopulationOptions, Rows } from "./protocol.ts";
import { type MetricName, type PopulationState, trainedBase } from "./state.ts";

/** Rows that a figure is of. */
const rowsOf = (metric: MetricName): Rows => (metric.startsWith("test") ? "test" : "training");

/**
 * A session of all networks of the grid. Each takes the steps that the playground's session of its cell takes; the points are the
 * same for all.
 */
export function sessionSettings(state: PopulationState): SessionSettings<PopulationOptions> {
  const { grid, steps, metric } = state;
  const base = trainedBase(state);
  const split = pointsOf(base);
  const { training, test } = split;
  const perMember = perMemberOf(grid);
  const members = networksOf(grid);
  const seed = perMember.seed ?? new Float64Array(members).fill(seedOf(base));
  return {
    network: networkOf(base),
    data: datasetOf(base, training),
    optimizer: optimizerOf(base),
    batchSize: batchSizeOf(base, split),
    ...trainingOptionsOf(base, split),
    seed,
    orderSeed: seedOf(base),
    members,
    perMember,
    ...(base.initializer !== "auto" && { initializer: base.initializer }),
    lastStep: steps,
    options: { test: datasetOf(base, test.length > 0 ? test : training), rows: rowsOf(metric) },
  };
}
