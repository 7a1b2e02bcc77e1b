// What a trainer does beyond plain steps, as PyTorch did it in float64: one file a run, in test/golden2.

import { createOptimizer, type LossName, network, type Optimizer, type OptimizerName } from "../../src/index.ts";
import { type GoldenLayer, layerOf } from "./graphGoldens.ts";

interface GoldenFile {
  name: string;
  inputs: number;
  layers: GoldenLayer[];
  loss: LossName;
  optimizer: { name: OptimizerName; learningRate: number };
  batchSize: number;
  steps: number;
  x: number[];
  targets: number[];
  initialParameters: number[];
  finalParameters: number[];
  losses: number[];
  learningRates: number[];
  clipNorm?: number;
  gradientNorms?: number[];
}

export type TrainerGolden = ReturnType<typeof goldenOf>;

function goldenOf(file: GoldenFile) {
  const { name, ...options } = file.optimizer;
  return {
    ...file,
    network: network({ inputs: file.inputs, layers: file.layers.map(layerOf), loss: file.loss }),
    data: { inputs: Float64Array.from(file.x), targets: Float64Array.from(file.targets) },
    createOptimizer: (changes: object = {}): Optimizer => createOptimizer(name, { ...options, ...changes }),
  };
}

const files = import.meta.glob<GoldenFile>("../golden2/*.json", { eager: true, import: "default" });

/** The run of that name. */
export function trainerGolden(name: string): TrainerGolden {
  const file = Object.values(files).find((own) => own.name === name);
  if (!file) throw new Error(`there is no run ${name} in test/golden2`);
  return goldenOf(file);
}
