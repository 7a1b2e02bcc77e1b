// Gradients of one step, in two ways: by jax-js, and written out by hand, which makes half as many kernels.

import { grad, type Array as JaxArray, numpy as np } from "@jax-js/jax";
import type { BuiltInNetwork } from "../../../src/graph/network.ts";
import { applyActivation, applyFused, meanLoss, meanLossSlope, slopeOf } from "./jaxJsNetwork.ts";

/** What a step reads. Every call makes a view of its own: one that two operations share is copied by jax-js. */
export interface StepViews {
  readonly layers: readonly LayerViews[];
  /** [batchSize, inputs], or with members in front. */
  inputs(): JaxArray;
  /** [batchSize, outputs]. */
  targets(): JaxArray;
}

interface LayerViews {
  /** [fanIn, fanOut], or with members in front. */
  weights(): JaxArray;
  /** Adds to [batchSize, fanOut], or to the same with members in front. */
  bias(): JaxArray;
}

/** Gradients by weights and bias of the first layer, of the second, … */
export type Gradients = (network: BuiltInNetwork, views: StepViews) => JaxArray[];

export const automaticGradients: Gradients = ({ layers, loss }, views) => {
  const lossOf = (parameters: JaxArray[], inputs: JaxArray, targets: JaxArray): JaxArray => {
    let values = inputs;
    for (const { index, activation } of layers) {
      const z = np.matmul(values, parameters[2 * index]!).add(parameters[2 * index + 1]!);
      values = applyActivation(activation, z);
    }
    return meanLoss(loss, values, targets);
  };
  const parameters = views.layers.flatMap(({ weights, bias }) => [weights(), bias()]);
  return grad(lossOf)(parameters, views.inputs(), views.targets()) as JaxArray[];
};

function forward({ layers }: BuiltInNetwork, views: StepViews): JaxArray[] {
  const activations: JaxArray[] = [];
  for (const { index, activation } of layers) {
    const { weights, bias } = views.layers[index]!;
    const inputs = index === 0 ? views.inputs() : activations[index - 1]!.ref;
    activations.push(applyFused(activation, np.matmul(inputs, weights()).add(bias())));
  }
  return activations;
}

export const writtenGradients: Gradients = (network, views) => {
  const { layers, loss } = network;
  const activations = forward(network, views);
  const outputs = activations.pop()!;
  const dOutputs = meanLossSlope(loss, outputs.ref, views.targets());
  let dZ = dOutputs.mul(slopeOf(layers[layers.length - 1]!.activation, outputs));
  const gradients: JaxArray[] = [];
  for (let index = layers.length - 1; index >= 0; index--) {
    const inputs = index === 0 ? views.inputs() : activations[index - 1]!.ref;
    gradients.unshift(np.matmul(np.matrixTranspose(inputs), dZ.ref), dZ.ref.sum(-2));
    if (index === 0) break;
    const dInputs = np.matmul(dZ, np.matrixTranspose(views.layers[index]!.weights()));
    dZ = dInputs.mul(slopeOf(layers[index - 1]!.activation, activations[index - 1]!));
  }
  dZ.dispose();
  return gradients;
};
