// Gaussian noise: the numbers that devices draw against float64, their distribution, and that predictions have none.

import { expect, test } from "vitest";
import { maskKey, normalAt } from "../src/backend/dropout.ts";
import { createModel, dense, gaussianNoise, network, sgd } from "../src/index.ts";
import { shareDevices } from "./support/sharedDevice.ts";

const devices = shareDevices();
const [rows, width] = [3000, 5];

/** A dense layer that passes on its inputs, which are 0: its pre-activations in a trace are the noise. */
const net = network({ inputs: width, layers: [gaussianNoise(1), dense(width)], loss: "squaredError" });
const parameters = new Float32Array(net.parameterCount);
for (let unit = 0; unit < width; unit++) parameters[unit * (width + 1)] = 1;
const data = { inputs: new Float32Array(rows * width), targets: new Float32Array(rows * width) };
const key = maskKey({ seed: 0, step: 0 }, 0); // of a trace
const truth = Float64Array.from({ length: rows * width }, (_, at) => normalAt(key, Math.floor(at / width), at % width));

test.each(["reference", "wasm", "webgpu"] as const)(
  "%s draws the numbers of float64, up to what float32 rounds",
  async (kind) => {
    using model = await createModel(net, { device: await devices[kind](), parameters });
    const { preActivations } = await model.trace(data, sgd());
    const errors = truth.map((value, at) => Math.abs(value - preActivations[0]![at]!));
    const boundOf = (value: number): number => {
      if (kind === "reference") return 0;
      return 4e-6 + (kind === "webgpu" ? Math.min(1e-3, 2 ** -20 / Math.abs(value)) : 0); // src/math/normal.ts
    };
    console.log(`${kind}: largest error ${Math.max(...errors).toExponential(1)}`);
    expect(truth.filter((value, at) => errors[at]! > boundOf(value))).toEqual(new Float64Array());
    expect((await model.predict(data.inputs)).every((value) => value === 0)).toBe(true);
  },
);

test("they are normal: moments, and no correlation between units and samples", () => {
  const mean = (of: (value: number, at: number) => number): number =>
    truth.reduce((sum, value, at) => sum + of(value, at), 0) / truth.length;
  const bound = (variance: number): number => 4.5 * Math.sqrt(variance / truth.length);
  expect(Math.abs(mean((x) => x))).toBeLessThan(bound(1));
  expect(Math.abs(mean((x) => x ** 2) - 1)).toBeLessThan(bound(2));
  expect(Math.abs(mean((x) => x ** 3))).toBeLessThan(bound(15));
  expect(Math.abs(mean((x) => x ** 4) - 3)).toBeLessThan(bound(96));
  for (const lag of [1, width]) {
    expect(Math.abs(mean((x, at) => x * (truth[at + lag] ?? 0)))).toBeLessThan(bound(1));
  }
});
