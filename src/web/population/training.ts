// From the state to what is trained.

import { seedOf } from "../playground/state.ts";
import { datasetOf, networkOf, optimizerOf, pointsOf } from "../playground/setup.ts";
import type { SessionSettings } from "../worker/protocol.ts";
import { networksOf, perReplicaOf } from "./grid.ts";
import type { PopulationOptions } from "./protocol.ts";
import type { PopulationState } from "./state.ts";

/**
 * A session of all networks of the grid. Each takes the steps that the playground's session of its cell takes; the points are the
 * same for all.
 */
export function sessionSettings({ base, grid, steps }: PopulationState): SessionSettings<PopulationOptions> {
  const { training, test } = pointsOf(base);
  const perReplica = perReplicaOf(grid);
  const replicas = networksOf(grid);
  const seed = perReplica.seed ? Array.from(perReplica.seed) : Array<number>(replicas).fill(seedOf(base));
  return {
    network: networkOf(base),
    data: datasetOf(base, training),
    optimizer: optimizerOf(base),
    batchSize: base.batchSize,
    seed,
    orderSeed: seedOf(base),
    replicas,
    perReplica,
    ...(base.initializer !== "auto" && { initializer: base.initializer }),
    lastStep: steps,
    options: { test: datasetOf(base, test.length > 0 ? test : training) },
  };
}
