// A residual network of tensors with layer normalisation, and a step of gradient descent on it.

import type { Device } from "../../src/backend/device.ts";
import * as t from "../../src/tensor.ts";

/** Numbers without a pattern in [−1, 1]. */
export function numbers(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

interface Block {
  gamma: t.Tensor;
  beta: t.Tensor;
  weights: t.Tensor;
  bias: t.Tensor;
}

export interface Parameters {
  first: { weights: t.Tensor; bias: t.Tensor };
  blocks: Block[];
  last: { weights: t.Tensor; bias: t.Tensor };
}

export function parametersOn(device: Device, inputs: number, width: number): Parameters {
  const dense = (fanIn: number, fanOut: number, seed: number) => ({
    weights: t.tensor(
      device,
      numbers(fanIn * fanOut, seed).map((one) => one / Math.sqrt(fanIn)),
      [fanIn, fanOut],
    ),
    bias: t.zeros(device, [fanOut]),
  });
  const block = (seed: number): Block => ({
    gamma: t.ones(device, [width]),
    beta: t.zeros(device, [width]),
    ...dense(width, width, seed),
  });
  return { first: dense(inputs, width, 1), blocks: [block(2), block(3)], last: dense(width, 1, 4) };
}

function normalised(x: t.Tensor, { gamma, beta }: Block): t.Tensor {
  const centred = t.subtract(x, t.mean(x, -1, { keepDims: true }));
  const variance = t.mean(t.square(centred), -1, { keepDims: true });
  return t.add(t.multiply(t.divide(centred, t.sqrt(t.add(variance, 1e-5))), gamma), beta);
}

function lossOf(parameters: Parameters, inputs: t.Tensor, targets: t.Tensor): t.Tensor {
  const dense = (x: t.Tensor, { weights, bias }: { weights: t.Tensor; bias: t.Tensor }) =>
    t.add(t.matmul(x, weights), bias);
  let x = dense(inputs, parameters.first);
  for (const block of parameters.blocks) x = t.add(x, t.silu(dense(normalised(x, block), block)));
  return t.squaredError(dense(x, parameters.last), targets);
}

/** The same tree with each tensor changed by the gradient of the same place. */
function descend<T>(tree: T, gradient: T, rate: number): T {
  if (tree instanceof t.Tensor) return t.subtract(tree, t.multiply(gradient as t.Tensor, rate)) as T;
  const entries = Object.entries(tree as object).map(([key, one]) => [
    key,
    descend(one, (gradient as Record<string, unknown>)[key], rate),
  ]);
  return (Array.isArray(tree) ? entries.map(([, one]) => one as unknown) : Object.fromEntries(entries)) as T;
}

export function step(
  parameters: Parameters,
  inputs: t.Tensor,
  targets: t.Tensor,
): { loss: t.Tensor; parameters: Parameters } {
  const { value, gradient } = t.valueAndGrad(lossOf)(parameters, inputs, targets);
  return { loss: value, parameters: descend(parameters, gradient, 0.05) };
}
