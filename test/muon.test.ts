// Muon: against PyTorch's algorithm written out in float64 (support/muonByHand.ts), and every machine against the reference.

import { describe, expect, test } from "vitest";
import { acquire, createModel, dense, type Device, muon, network } from "../src/index.ts";
import { relativeDistance } from "./support/compare.ts";
import { flattened, layersOf, trainByHand } from "./support/muonByHand.ts";
import { randomFloats } from "./support/random.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const gpu = shareDevice();
const [reference, wasm] = [await acquire({ device: "reference" }), await acquire({ device: "wasm" })];
const machines: readonly (readonly [string, () => Device, number])[] = [
  ["the CPU reference", () => reference, 1e-9],
  ["WebAssembly", () => wasm, 1e-4],
  ["WebGPU", gpu, 1e-4],
];

const tanhNetwork = ([inputs, ...widths]: readonly number[]) =>
  network({
    inputs: inputs!,
    layers: widths.map((width, at) => (at === widths.length - 1 ? dense(width) : dense(width, "tanh"))),
    loss: "meanSquaredError",
  });

const rowsOf = (values: ArrayLike<number>, width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, row) =>
    Array.from({ length: width }, (__, column) => values[row * width + column]!),
  );

describe.each(machines)("%s", (_, device, bound) => {
  test.each([
    ["its defaults", [3, 33, 7, 7, 33, 2], {}],
    [
      "a larger rate, without Nesterov's momentum",
      [4, 9, 5, 1],
      { learningRate: 0.05, nesterov: false, weightDecay: 0 },
    ],
    [
      "steps of AdamW's size in hidden layers",
      [3, 8, 6, 5, 2],
      { matchRmsAdamW: true, hiddenOnly: true, rateOfOthers: 3 },
    ],
    ["three iterations", [1, 12, 1], { newtonSchulzSteps: 3, momentum: 0.5, learningRate: 0.01 }],
  ] as const)("follows PyTorch's algorithm with %s", async (__, widths, options) => {
    const optimizer = muon(options);
    using model = await createModel(tanhNetwork(widths), { device: device(), seed: 3 });
    const before = await model.readParameters();
    const [rows, inputs, outputs] = [20, widths[0], widths.at(-1)!];
    const data = { inputs: randomFloats(1, rows * inputs), targets: randomFloats(2, rows * outputs) };
    await model.fit(data, { optimizer, steps: 10, batchSize: rows });
    const last = widths.length - 2;
    const wanted = trainByHand(
      layersOf(before, widths),
      { inputs: rowsOf(data.inputs, inputs), targets: rowsOf(data.targets, outputs) },
      { steps: 10, numbers: optimizer, isMatrix: (layer) => !optimizer.hiddenOnly || (layer > 0 && layer < last) },
    );
    expect(relativeDistance(await model.readParameters(), flattened(wanted))).toBeLessThan(bound);
  });
});
