import { InvalidInput } from "../errors.ts";
import type { FloatArray } from "../backend/executor.ts";
import type { Device } from "../backend/device.ts";
import type { Network } from "../graph/network.ts";
import { activate } from "./activations.ts";
import { add } from "./arithmetic.ts";
import { loss } from "./losses.ts";
import { matmul } from "./matmul.ts";
import { keepingResult } from "./scope.ts";
import { tensor, type Tensor } from "./tensor.ts";

/** Parameters of one dense layer. */
export interface LayerTensors {
  /** [fanIn, fanOut]. */
  readonly weights: Tensor;
  /** [fanOut]. */
  readonly bias: Tensor;
}

/**
 * Parameters of a network as tensors, layer by layer.
 * @param values of one member, in the flat layout of `model.readParameters()`
 * @throws InvalidInput where their number is not the network's
 */
export function networkParameters(device: Device, network: Network, values: FloatArray): LayerTensors[] {
  if (values.length !== network.parameterCount) {
    const expected = `${network.parameterCount} values`;
    const fix = "pass the parameters of one member";
    throw new InvalidInput({ place: "networkParameters", expected, got: String(values.length), fix });
  }
  return network.layers.map(({ index, fanIn, fanOut, weightsOffset, biasOffset }) => ({
    weights: tensor(device, values.subarray(weightsOffset, biasOffset), [fanIn, fanOut], { label: `weights ${index}` }),
    bias: tensor(device, values.subarray(biasOffset, biasOffset + fanOut), [fanOut], { label: `bias ${index}` }),
  }));
}

/**
 * Computes a network's outputs with tensor operations.
 * @param inputs [rows, network.inputs]
 * @returns [rows, network.outputs]; logits where the loss takes them
 */
export function networkOutputs(network: Network, layers: readonly LayerTensors[], inputs: Tensor): Tensor {
  return keepingResult(() =>
    network.layers.reduce((values, { activation, index }) => {
      const { weights, bias } = layers[index]!;
      return activate(activation, add(matmul(values, weights), bias));
    }, inputs),
  );
}

/**
 * Mean loss of a network over rows, made of tensor operations.
 * @param targets [rows, network.outputs]
 */
export const networkLoss = (
  network: Network,
  layers: readonly LayerTensors[],
  inputs: Tensor,
  targets: Tensor,
): Tensor => keepingResult(() => loss(network.loss, networkOutputs(network, layers, inputs), targets));
