// Networks of other layers than dense ones, as PyTorch trained them in float64.

import type { Executor } from "../../src/backend/executor.ts";
import { trainingRows } from "../../src/model/trainingRows.ts";
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

/** A run of PyTorch with the network that it trained. */
export interface GraphGolden extends GoldenFile {
  readonly network: AnyNetwork;
}

const files = import.meta.glob<GoldenFile>("../graphGolden/*.json", { eager: true, import: "default" });

export const graphGoldens: readonly GraphGolden[] = Object.values(files).map((file) => ({
  ...file,
  network: network({ inputs: file.inputs, layers: file.layers.map(layerOf), loss: file.loss }),
}));

/** Repeats a run, with what training makes of its targets. */
export async function trainGolden(golden: GraphGolden, executor: Executor) {
  executor.writeParameters(Float64Array.from(golden.initialParameters));
  const { classWeights, labelSmoothing } = golden;
  const given = { inputs: Float64Array.from(golden.x), targets: Float64Array.from(golden.targets) };
  const labels = { ...(classWeights && { classWeights }), ...(labelSmoothing !== undefined && { labelSmoothing }) };
  const data = trainingRows(golden.network, given, labels);
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
