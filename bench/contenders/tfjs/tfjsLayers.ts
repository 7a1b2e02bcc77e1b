import * as tf from "@tensorflow/tfjs-core";
import type { ActivationName, LayerShape, BuiltInNetwork } from "../../../src/graph/network.ts";
import { entryOf } from "../../race/contract.ts";

/**
 * Parameters of one layer. One network: weights [fanIn, fanOut], bias [fanOut]; R of them: [R, fanIn, fanOut] and
 * [R, 1, fanOut].
 */
export type LayerTensors = {
  readonly weights: tf.Tensor;
  readonly bias: tf.Tensor;
};

/** Some of the members of a workload: `count` of them from `first`. */
export interface MemberGroup {
  readonly first: number;
  readonly count: number;
}

/** As few groups as possible, alike in size, of `most` members at most. */
export function groupsOf(members: number, most: number): MemberGroup[] {
  const groups = Math.max(1, Math.ceil(members / most));
  const firstOf = (group: number): number => Math.floor((group * members) / groups);
  return Array.from({ length: groups }, (_, group) => {
    const first = firstOf(group);
    return { first, count: firstOf(group + 1) - first };
  });
}

export const widestOf = ({ inputs, layers }: BuiltInNetwork): number =>
  Math.max(inputs, ...layers.map(({ fanOut }) => fanOut));

export const weightsShape = ({ fanIn, fanOut }: LayerShape, members: number): number[] =>
  members === 1 ? [fanIn, fanOut] : [members, fanIn, fanOut];
export const biasShape = ({ fanOut }: LayerShape, members: number): number[] =>
  members === 1 ? [fanOut] : [members, 1, fanOut];

/**
 * Parts of a flat tensor of parameters [members, parameterCount], per layer. A bias of one network is sliced as a vector:
 * the wasm backend takes it for what it was when it was made.
 */
export function layersOfFlat(flat: tf.Tensor2D, { layers }: BuiltInNetwork): LayerTensors[] {
  const [members] = flat.shape;
  const vector = tf.reshape(flat, [-1]);
  const part = (from: number, count: number, shape: number[]): tf.Tensor =>
    tf.reshape(members === 1 ? tf.slice(vector, from, count) : tf.slice(flat, [0, from], [members, count]), shape);
  return layers.map((layer) => ({
    weights: part(layer.weightsOffset, layer.fanIn * layer.fanOut, weightsShape(layer, members)),
    bias: part(layer.biasOffset, layer.fanOut, biasShape(layer, members)),
  }));
}

type Activate = (z: tf.Tensor) => tf.Tensor;

/** Activations as `src/backend/cpu/activation.ts` defines them. */
const activations: Partial<Record<ActivationName, Activate>> = {
  identity: (z) => z,
  sigmoid: tf.sigmoid,
  tanh: tf.tanh,
  relu: tf.relu,
  leakyRelu: (z) => tf.leakyRelu(z, 0.01),
  elu: tf.elu,
  gelu: (z) => tf.mul(tf.mul(z, 0.5), tf.add(1, tf.erf(tf.mul(z, Math.SQRT1_2)))),
  silu: (z) => tf.mul(z, tf.sigmoid(z)),
  softplus: tf.softplus,
  sine: tf.sin,
};

const activationOf = (name: ActivationName): Activate => entryOf("TensorFlow.js", activations, name);

/** Activations that tf.fused.matMul applies in its own kernel. */
const fusable: Partial<Record<ActivationName, "linear" | "relu" | "elu" | "sigmoid" | "leakyrelu">> = {
  identity: "linear",
  relu: "relu",
  elu: "elu",
  sigmoid: "sigmoid",
  leakyRelu: "leakyrelu",
};

export interface DenseOptions {
  readonly activation: ActivationName;
  /** Where the bias is a matrix: the backend fuses it all the same. */
  readonly fusesMatrixBias: boolean;
}

/** activation(inputs · weights + bias) in as few kernels as the backend has for it. */
export function dense(
  inputs: tf.Tensor,
  layer: LayerTensors,
  { activation, fusesMatrixBias }: DenseOptions,
): tf.Tensor {
  const { weights, bias } = layer;
  if (bias.rank > 1 && !fusesMatrixBias) return activationOf(activation)(tf.add(tf.matMul(inputs, weights), bias));
  const operands = { a: inputs, b: weights, bias, leakyreluAlpha: 0.01 };
  const fused = fusable[activation];
  if (fused) return tf.fused.matMul({ ...operands, activation: fused });
  return activationOf(activation)(tf.fused.matMul(operands));
}

/**
 * The first layer for automatic differentiation: the gradient of tf.fused.matMul would also be taken by the inputs,
 * which are data.
 */
export const denseOfData = (
  inputs: tf.Tensor,
  { weights, bias }: LayerTensors,
  activation: ActivationName,
): tf.Tensor => activationOf(activation)(tf.add(tf.matMul(inputs, weights), bias));
