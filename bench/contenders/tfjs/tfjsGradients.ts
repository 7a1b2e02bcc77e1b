import * as tf from "@tensorflow/tfjs-core";
import type { ActivationName, LossName, BuiltInNetwork } from "../../../src/graph/network.ts";
import { lossScale } from "../../../src/backend/sampleLoss.ts";
import type { BatchTensors } from "./tfjsBatches.ts";
import { dense, type LayerTensors } from "./tfjsLayers.ts";

// Gradients written out, for fewer kernels than the automatic ones take: activations stay fused, no loss is summed,
// and no constant is uploaded on the way.

type Slope = (dActivation: tf.Tensor, activation: tf.Tensor) => tf.Tensor;

/** dActivation · slope, from the activation. */
const slopes: Partial<Record<ActivationName, Slope>> = {
  identity: (dActivation) => dActivation,
  sigmoid: (dActivation, y) => tf.mul(dActivation, tf.sub(y, tf.square(y))),
  tanh: (dActivation, y) => tf.sub(dActivation, tf.mul(dActivation, tf.square(y))),
  relu: (dActivation, y) => tf.mul(dActivation, tf.step(y)),
};

/** What the targets are taken from, where it is not the outputs: both cross entropies take logits. */
const predictions: Partial<Record<LossName, (outputs: tf.Tensor) => tf.Tensor>> = {
  squaredError: (y) => y,
  meanSquaredError: (y) => y,
  binaryCrossEntropy: tf.sigmoid,
  softmaxCrossEntropy: (logits) => tf.softmax(logits),
};

/** The gradient of a softmax cross entropy is softmax − target where the targets of each sample sum to 1. */
function sumToOne(targets: ArrayLike<number>, width: number): boolean {
  for (let row = 0; row < targets.length; row += width) {
    let sum = 0;
    for (let column = 0; column < width; column++) sum += targets[row + column]!;
    if (Math.abs(sum - 1) > 1e-6) return false;
  }
  return true;
}

/** True where the gradients below know the network. */
export function hasGradients({ layers, loss, outputs }: BuiltInNetwork, targets: ArrayLike<number>): boolean {
  if (!predictions[loss] || layers.some(({ activation }) => !slopes[activation])) return false;
  return loss !== "softmaxCrossEntropy" || sumToOne(targets, outputs);
}

/** Factor of (prediction − target) in the gradient of the mean loss. */
export const errorFactor = ({ loss, outputs }: BuiltInNetwork, size: number): number =>
  (loss === "meanSquaredError" ? 2 : 1) * lossScale(loss, size, outputs);

export interface GradientOptions {
  readonly network: BuiltInNetwork;
  readonly layers: readonly LayerTensors[];
  readonly batch: BatchTensors;
  /** Scalar: the error's factor, times whatever the gradients are to be multiplied by. */
  readonly factor: tf.Tensor;
  readonly fusesMatrixBias: boolean;
}

/** Takes the inputs of a layer and the gradient by its pre-activations; the last layer comes first. */
export type TakeGradient = (index: number, inputs: tf.Tensor, dPreActivations: tf.Tensor) => void;

function lastGradient({ network, batch, factor }: GradientOptions, outputs: tf.Tensor): tf.Tensor {
  const error = tf.sub(predictions[network.loss]!(outputs), batch.targets);
  const { activation } = network.layers[network.layers.length - 1]!;
  return slopes[activation]!(tf.mul(error, factor), outputs);
}

/** Forward and backward through all layers; what becomes of the gradients is up to `take`. */
export function eachGradient(options: GradientOptions, take: TakeGradient): void {
  const { network, layers, batch, fusesMatrixBias } = options;
  const values = [batch.inputs];
  for (const { index, activation } of network.layers) {
    values.push(dense(values[index]!, layers[index]!, { activation, fusesMatrixBias }));
  }
  let dPreActivations = lastGradient(options, values[network.layers.length]!);
  for (let index = network.layers.length - 1; index >= 0; index--) {
    const inputs = values[index]!;
    // before the gradients are taken: that may change the weights
    const dInputs = index > 0 ? tf.matMul(dPreActivations, layers[index]!.weights, false, true) : undefined;
    take(index, inputs, dPreActivations);
    if (dInputs) dPreActivations = slopes[network.layers[index - 1]!.activation]!(dInputs, inputs);
  }
}
