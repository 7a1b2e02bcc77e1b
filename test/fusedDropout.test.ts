// Dropout in the strategies that take whole steps, and in straight-line WebAssembly: the masks and the steps of the float64 reference.

import { expect, test } from "vitest";
import { dropThreshold, keepsAt, maskKey } from "../src/backend/dropout.ts";
import { strategyNames } from "../src/backend/executor.ts";
import { fusedChain, graphOf } from "../src/graph/graphNetwork.ts";
import {
  type AnyNetwork,
  createModel,
  dense,
  type Device,
  dropout,
  layerNorm,
  network,
  residual,
  sgd,
} from "../src/index.ts";
import type { Layer } from "../src/graph/vector.ts";
import { expectClose } from "./support/expectClose.ts";
import { dataOf } from "./support/nets.ts";
import { shareDevices } from "./support/sharedDevice.ts";

const devices = shareDevices();

/** Activations of which backward takes the value, and the argument; an odd width; dropout behind the input and behind layers. */
const layers = [dropout(0.2), dense(5, "tanh"), dropout(0.5), dense(6, "gelu"), dropout(0.25), dense(2)];
const dropped = network({ inputs: 3, layers, loss: "meanSquaredError" });
const plain = network({ inputs: 3, layers: [dense(5, "tanh"), dense(6, "gelu"), dense(2)], loss: "meanSquaredError" });
const data = dataOf(plain, 50, 3);
const members = 3;
const options = {
  optimizer: sgd({ learningRate: 0.1 }),
  steps: 20,
  batchSize: 9,
  perMember: { seed: [3, 2 ** 40 + 4, 5] },
  bootstrap: true,
};

async function trained(device: Device, net: AnyNetwork, own: object = {}, count = members) {
  using model = await createModel(net, { device, seed: 7, members: count });
  const losses: number[] = [];
  const settings = { ...options, ...(count === 1 && { perMember: undefined, seed: 11 }), ...own };
  const { perMember, ...rest } = settings;
  const given = { logInterval: { steps: 5 }, ...rest, ...(perMember && { perMember }) };
  for await (const event of model.train(data, given)) losses.push(...event.losses);
  return { losses, parameters: await model.readParameters() };
}

test.each(strategyNames)("WebGPU, strategy %s", async (strategy) => {
  const wanted = await trained(await devices.reference(), dropped);
  const own = await trained(await devices.webgpu(), dropped, { strategy });
  expectClose("losses", own.losses, wanted.losses, 1e-5);
  expectClose("parameters", own.parameters, wanted.parameters, 1e-5);
});

test.each([
  ["members", members],
  ["layered", members],
  ["samples", 1],
] as const)("WebAssembly, strategy %s", async (strategy, count) => {
  const wanted = await trained(await devices.reference(), dropped, {}, count);
  const own = await trained(await devices.wasm(), dropped, { strategy }, count);
  expectClose("losses", own.losses, wanted.losses, 1e-5);
  expectClose("parameters", own.parameters, wanted.parameters, 1e-5);
});

test.each(["members", "samples"] as const)("WebGPU, strategy %s: a network of named parameters", async (strategy) => {
  const net = network({ inputs: 3, layers: [dense(4, "sigmoid"), dropout(0.3), dense(2)], loss: "meanSquaredError" });
  const wanted = await trained(await devices.reference(), net, {}, 1);
  const own = await trained(await devices.webgpu(), net, { strategy }, 1);
  expectClose("losses", own.losses, wanted.losses, 1e-5);
  expectClose("parameters", own.parameters, wanted.parameters, 1e-5);
});

test("rows in their order, one network: all of a batch and a part of it", async () => {
  for (const batchSize of [50, 16]) {
    const own = { batchSize, bootstrap: false, shuffle: false, steps: 7 };
    const wanted = await trained(await devices.reference(), dropped, own, 1);
    expectClose("wasm", (await trained(await devices.wasm(), dropped, own, 1)).parameters, wanted.parameters, 1e-5);
  }
});

test("a training that is resumed draws the masks of one that was not interrupted", async () => {
  for (const device of [await devices.wasm(), await devices.webgpu()]) {
    const strategy = "members";
    const whole = await trained(device, dropped, { strategy });
    using first = await createModel(dropped, { device, seed: 7, members });
    await first.fit(data, { ...options, strategy, steps: 13 });
    using second = await createModel(dropped, { device, members });
    await second.fit(data, { ...options, strategy, resume: first.checkpoint });
    expect(await second.readParameters()).toEqual(whole.parameters);
  }
});

test("a list with dropout between its layers is taken as a list, any other graph is not", () => {
  const chain = fusedChain(dropped)!;
  expect(chain.layers.map(({ drop }) => drop?.rate)).toEqual([0.5, 0.25, undefined]);
  expect(chain.inputDrop?.rate).toBe(0.2);
  expect(chain.layers.map(({ weightsOffset }) => weightsOffset)).toEqual(plain.layers.map((own) => own.weightsOffset));
  expect(graphOf(chain)).toBe(graphOf(dropped));
  expect(fusedChain(dropped)).toBe(chain);
  const other = (...own: Layer[]) => fusedChain(network({ inputs: 3, layers: own, loss: "meanSquaredError" }));
  expect(other(dense(2), dropout(0.5))).toBe(undefined);
  expect(other(dropout(0.5), dropout(0.5), dense(2))).toBe(undefined);
  expect(other(dense(4), layerNorm(), dropout(0.5), dense(2))).toBe(undefined);
  expect(other(dense(4), residual(dropout(0.5), dense(4)), dense(2))).toBe(undefined);
});

test("as many values are dropped as the rate says, and no two are dropped together more often", () => {
  const key = maskKey({ seed: 3, step: 5 }, 0);
  const [samples, units, rate] = [2000, 16, 0.3];
  const drops = (sample: number, unit: number): boolean => !keepsAt(key, rate, sample, unit);
  const expected = dropThreshold(rate) / 2 ** 16;
  const sigma = Math.sqrt((expected * (1 - expected)) / samples);
  for (let unit = 0; unit < units; unit++) {
    let [one, both, next] = [0, 0, 0];
    for (let sample = 0; sample < samples; sample++) {
      if (!drops(sample, unit)) continue;
      one++;
      if (drops(sample, (unit + 1) % units)) both++;
      if (drops(sample + 1, unit)) next++;
    }
    expect(Math.abs(one / samples - expected)).toBeLessThan(4.5 * sigma);
    expect(Math.abs(both / samples - expected ** 2)).toBeLessThan(4.5 * sigma);
    expect(Math.abs(next / samples - expected ** 2)).toBeLessThan(4.5 * sigma);
  }
});
