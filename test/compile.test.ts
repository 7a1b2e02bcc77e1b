// Compiled functions of tensors against the same functions operation by operation, in value and in number of calls.

import { expect, test } from "vitest";
import type { Device } from "../src/backend/device.ts";
import { acquire } from "../src/index.ts";
import * as t from "../src/tensor.ts";
import { shareDevice, shareWasm } from "./support/sharedDevice.ts";

const shared = shareDevice();
const sharedWasm = shareWasm();
const places = [
  { name: "device", open: async (): Promise<Device> => shared() },
  { name: "wasm", open: sharedWasm },
  { name: "cpu", open: () => acquire({ device: "reference" }) },
];

/** Numbers without a pattern in [−1, 1]. */
function numbers(count: number, seed: number): Float32Array {
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

interface Parameters {
  first: { weights: t.Tensor; bias: t.Tensor };
  blocks: Block[];
  last: { weights: t.Tensor; bias: t.Tensor };
}

function parametersOn(device: Device, inputs: number, width: number): Parameters {
  const dense = (fanIn: number, fanOut: number, seed: number) => ({
    weights: t.tensor(device, numbers(fanIn * fanOut, seed).map((one) => one / Math.sqrt(fanIn)), [fanIn, fanOut]),
    bias: t.zeros(device, [fanOut]),
  });
  const block = (seed: number): Block => ({ gamma: t.ones(device, [width]), beta: t.zeros(device, [width]), ...dense(width, width, seed) });
  return { first: dense(inputs, width, 1), blocks: [block(2), block(3)], last: dense(width, 1, 4) };
}

function normalised(x: t.Tensor, { gamma, beta }: Block): t.Tensor {
  const centred = t.subtract(x, t.mean(x, -1, { keepDims: true }));
  const variance = t.mean(t.square(centred), -1, { keepDims: true });
  return t.add(t.multiply(t.divide(centred, t.sqrt(t.add(variance, 1e-5))), gamma), beta);
}

function lossOf(parameters: Parameters, inputs: t.Tensor, targets: t.Tensor): t.Tensor {
  const dense = (x: t.Tensor, { weights, bias }: { weights: t.Tensor; bias: t.Tensor }) => t.add(t.matmul(x, weights), bias);
  let x = dense(inputs, parameters.first);
  for (const block of parameters.blocks) x = t.add(x, t.silu(dense(normalised(x, block), block)));
  return t.squaredError(dense(x, parameters.last), targets);
}

/** The same tree with each tensor changed by the gradient of the same place. */
function descend<T>(tree: T, gradient: T, rate: number): T {
  if (tree instanceof t.Tensor) return t.subtract(tree, t.multiply(gradient as t.Tensor, rate)) as T;
  const entries = Object.entries(tree as object).map(([key, one]) => [key, descend(one, (gradient as Record<string, unknown>)[key], rate)]);
  return (Array.isArray(tree) ? entries.map(([, one]) => one as unknown) : Object.fromEntries(entries)) as T;
}

function step(parameters: Parameters, inputs: t.Tensor, targets: t.Tensor): { loss: t.Tensor; parameters: Parameters } {
  const { value, gradient } = t.valueAndGrad(lossOf)(parameters, inputs, targets);
  return { loss: value, parameters: descend(parameters, gradient, 0.05) };
}

for (const { name, open } of places) {
  test(`${name}: 30 compiled steps of a residual network are those of its operations one by one`, async () => {
    const device = await open();
    const [inputs, width, rows] = [8, 16, 64];
    const x = t.tensor(device, numbers(rows * inputs, 7), [rows, inputs]);
    const y = t.tensor(device, numbers(rows, 8), [rows, 1]);
    const compiled = await t.compile(step, { donate: [0] });
    let plain = parametersOn(device, inputs, width);
    let fused = parametersOn(device, inputs, width);
    for (let at = 0; at < 30; at++) {
      const expected = t.tidy(() => step(plain, x, y));
      const got = compiled(fused, x, y);
      t.dispose(plain);
      [plain, fused] = [expected.parameters, got.parameters];
      const [wanted, found] = [await expected.loss.item(), await got.loss.item()];
      expect(Math.abs(wanted - found), `step ${at}: ${wanted} and ${found}`).toBeLessThan(2e-6 * Math.abs(wanted));
      t.dispose([expected.loss, got.loss]);
    }
    t.dispose([plain, fused, x, y]);
    compiled.dispose();
    expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
  });
}
