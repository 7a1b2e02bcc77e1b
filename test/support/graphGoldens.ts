// Networks of other layers than dense ones, as PyTorch trained them in float64.

import type { Executor } from "../../src/backend/executor.ts";
import {
  type ActivationName,
  adam,
  type AnyNetwork,
  dense,
  embedding,
  type Layer,
  layerNorm,
  type LossName,
  network,
  residual,
} from "../../src/index.ts";

export type GoldenLayer =
  | { layer: "dense"; units: number; activation: ActivationName }
  | { layer: "residual"; layers: GoldenLayer[] }
  | { layer: "layerNorm" }
  | { layer: "embedding"; column: number; categories: number; width: number };

interface GoldenFile {
  name: string;
  inputs: number;
  layers: GoldenLayer[];
  loss: LossName;
  optimizer: { name: string; learningRate: number };
  batchSize: number;
  steps: number;
  classWeights?: number[];
  labelSmoothing?: number;
  x: number[];
  targets: number[];
  initialParameters: number[];
  finalParameters: number[];
  losses: number[];
}

export const layerOf = (own: GoldenLayer): Layer => {
  if (own.layer === "dense") return dense(own.units, own.activation);
  if (own.layer === "residual") return residual(...own.layers.map(layerOf));
  return own.layer === "layerNorm" ? layerNorm() : embedding(own);
};

/**
 * Targets with which the plain cross entropy is the weighted mean with smoothed labels: Σ w t (−log p) / Σ w, where the weight
 * of each class multiplies its share of the smoothed target, as in `torch.nn.functional.cross_entropy`.
 */
function weightedTargets(
  { targets, classWeights, labelSmoothing = 0, batchSize }: GoldenFile,
  outputs: number,
): Float64Array {
  if (!classWeights) return Float64Array.from(targets);
  const total = targets.reduce((sum, t, at) => sum + t * classWeights[at % outputs]!, 0);
  return Float64Array.from(targets, (t, at) => {
    const smooth = (1 - labelSmoothing) * t + labelSmoothing / outputs;
    return (smooth * classWeights[at % outputs]! * batchSize) / total;
  });
}

/** A run of PyTorch with the network that it trained. */
export interface GraphGolden extends GoldenFile {
  readonly network: AnyNetwork;
}

const files = import.meta.glob<GoldenFile>("../graphGolden/*.json", { eager: true, import: "default" });

export const graphGoldens: readonly GraphGolden[] = Object.values(files).map((file) => ({
  ...file,
  network: network({ inputs: file.inputs, layers: file.layers.map(layerOf), loss: file.loss }),
}));

/** Repeats a run: a trainer would refuse its weighted targets, which are no probabilities. */
export async function trainGolden(golden: GraphGolden, executor: Executor) {
  executor.writeParameters(Float64Array.from(golden.initialParameters));
  const data = { inputs: Float64Array.from(golden.x), targets: weightedTargets(golden, golden.network.outputs) };
  const { learningRate } = golden.optimizer;
  const settings = { data, optimizer: adam({ learningRate }), batchSize: golden.batchSize, shuffle: false, seed: 0 };
  const run = await executor.createRun(settings);
  try {
    await run.execute(0, golden.steps);
    return { losses: await run.readLosses(0, golden.steps), parameters: await executor.readParameters() };
  } finally {
    run.dispose();
  }
}
