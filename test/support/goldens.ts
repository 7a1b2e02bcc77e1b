// Lists of dense layers as PyTorch trained them in float64.

import {
  type ActivationName,
  createModel,
  createOptimizer,
  dense,
  type Device,
  type LossName,
  network,
  type Optimizer,
  type OptimizerName,
} from "../../src/index.ts";
import type { Strategy } from "../../src/backend/executor.ts";

export interface Golden {
  name: string;
  widths: number[];
  activations: ActivationName[];
  loss: LossName;
  optimizer: { name: OptimizerName };
  batchSize: number;
  steps: number;
  inputs: number[];
  targets: number[];
  initialParameters: number[];
  finalParameters: number[];
  firstGradients: number[];
  losses: number[];
}

export const goldens = Object.values(import.meta.glob<Golden>("../golden/*.json", { eager: true, import: "default" }));

const norm = (values: ArrayLike<number>): number => Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0));
export const relative = (values: ArrayLike<number>, reference: number[]): number =>
  norm(reference.map((wanted, index) => values[index]! - wanted)) / norm(reference);
export const worstRelative = (values: ArrayLike<number>, reference: number[]): number =>
  Math.max(...reference.map((wanted, index) => Math.abs(values[index]! - wanted) / Math.abs(wanted)));

/** The network of a run, its data and its optimizer. */
export function partsOf(golden: Golden) {
  const { name, ...options } = golden.optimizer;
  const optimizer: Optimizer = createOptimizer(name, options);
  const layers = golden.activations.map((activation, index) => dense(golden.widths[index + 1]!, activation));
  const net = network({ inputs: golden.widths[0]!, layers, loss: golden.loss });
  const data = { inputs: Float64Array.from(golden.inputs), targets: Float64Array.from(golden.targets) };
  return { net, data, optimizer };
}

/** Repeats a run of PyTorch on a device. */
export async function trainList(golden: Golden, device: Device, strategy: Strategy = "auto") {
  const { net, data, optimizer } = partsOf(golden);
  using model = await createModel(net, { device, parameters: Float64Array.from(golden.initialParameters) });
  const { gradients } = await model.trace(data, optimizer);
  const losses: number[] = [];
  const { steps, batchSize } = golden;
  for await (const event of model.train(data, { optimizer, steps, batchSize, strategy, logInterval: { steps: 7 } })) {
    losses.push(...event.losses);
  }
  const parameters = await model.readParameters();
  return { kind: device.kind, gradients, losses, parameters };
}
