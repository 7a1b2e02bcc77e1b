// A training that diverges names the layer in which numbers stopped being finite first.

import { expect, test } from "vitest";
import { acquire, createModel, dense, type Device, network, NonFinite, sgd, type TrainOptions } from "../src/index.ts";
import { nonFiniteLayer } from "../src/model/nonFiniteLayer.ts";
import { dataOf } from "./support/nets.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const gpu = shareDevice();
const wasm = await acquire({ device: "wasm" });
const reference = await acquire({ device: "reference" });
const net = network({ inputs: 2, layers: [dense(4, "relu"), dense(3, "relu"), dense(1)], loss: "meanSquaredError" });
const data = dataOf(net, 16, 1);
const places: [string, () => Device][] = [
  ["WebGPU", gpu],
  ["WebAssembly", () => wasm],
  ["the reference", () => reference],
];

/** [4 · 3 + 5 · 3 + 4]: finite, but what a layer with a large weight makes of them is not. */
function parametersWith(places: Readonly<Record<number, number>>): Float32Array {
  const parameters = new Float32Array(net.parameterCount).fill(0.5);
  for (const [at, value] of Object.entries(places)) parameters[Number(at)] = value;
  return parameters;
}

async function messageOf(device: Device, parameters: Float32Array, options: TrainOptions): Promise<string> {
  using model = await createModel(net, { device, parameters, members: parameters.length / net.parameterCount });
  const training = model.fit(data, { optimizer: sgd({ learningRate: 0.1 }), batchSize: 16, epochs: 3, ...options });
  const error: unknown = await training.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(NonFinite);
  return (error as NonFinite).message;
}

test.each(places)("%s: outputs, losses and updates that overflow are named by their layer", async (_, open) => {
  const device = open();
  const second = await messageOf(device, parametersWith({ 0: 1e25, 12: 1e25 }), {});
  expect(second).toMatch(/^train: step 0: .*NaN in the outputs of layers\.1: training diverged/);
  const last = await messageOf(device, parametersWith({ 0: 1e20, 27: 1e20 }), {});
  expect(last).toMatch(/in the outputs of layers\.2: training diverged/);
  const loss = await messageOf(device, parametersWith({ 27: 1e30 }), {});
  expect(loss).toMatch(/in the loss: training diverged/);
});

test.each(places)("%s: of members the first that stopped is named", async (_, open) => {
  const good = parametersWith({});
  const bad = parametersWith({ 0: 1e25, 12: 1e25 });
  const both = new Float32Array(2 * net.parameterCount);
  both.set(bad);
  both.set(bad, net.parameterCount);
  expect(await messageOf(open(), both, {})).toMatch(/in the outputs of layers\.1 of member 0: training diverged/);
  using model = await createModel(net, { device: open(), parameters: Float32Array.of(...good, ...bad), members: 2 });
  const { diverged } = await model.fit(data, { batchSize: 16, epochs: 2 });
  expect(diverged).toBe(1); // the other one goes on
});

test("whatever was planted: parameters, gradients and updates", () => {
  const settings = { data, optimizer: sgd({ learningRate: 1 }), batchSize: 16, shuffle: false, seed: 0 };
  const layerOf = (parameters: Float32Array, more: object = {}) =>
    nonFiniteLayer({ network: net, settings: { ...settings, ...more }, member: 0, step: 0, parameters });
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const names = [
      "layers.0.weights",
      "layers.0.bias",
      "layers.1.weights",
      "layers.1.bias",
      "layers.2.weights",
      "layers.2.bias",
    ];
    for (const [index, at] of [3, 9, 20, 25, 28, 30].entries()) {
      expect(layerOf(parametersWith({ [at]: value }))).toBe(names[index]);
    }
  }
  expect(layerOf(parametersWith({}))).toBeUndefined();
  const steep = parametersWith({ 27: 1e19, 28: 1e19, 29: 1e19, 12: 1e19, 0: 1e-19 });
  expect(layerOf(steep)).toMatch(/^the (loss|gradient of layers\.\d\.(weights|bias))$/);
  expect(layerOf(parametersWith({}), { optimizer: sgd({ learningRate: 3e38 }) })).toMatch(
    /^the update of layers\.0\.weights$/,
  );
});
