// Gradients taken by the record of tensors against the trainer's backward pass, which is written by hand.

import { expect, test } from "vitest";
import { acquire, createModel, sgd } from "../src/index.ts";
import { activationNames, lossNames } from "../src/graph/network.ts";
import * as t from "../src/tensor.ts";
import { largestDifference } from "./support/compare.ts";
import { dataOf, describeNet, type NetCase, networkOf, parametersOf } from "./support/nets.ts";
import { shareDevice, shareWasm } from "./support/sharedDevice.ts";

const device = shareDevice();
const sharedWasm = shareWasm();
const optimizer = sgd();

/** Every activation and every loss, in networks of depth 1 to 4. */
const nets: NetCase[] = Array.from({ length: 20 }, (_, index) => ({
  inputs: [1, 3, 17, 8][index % 4]!,
  layers: Array.from({ length: 1 + (index % 4) }, (_unused, layer) => ({
    width: [1, 17, 8, 5, 16, 9, 4][(index + 3 * layer) % 7]!,
    activation: activationNames[(index + 7 * layer) % 10]!,
  })),
  loss: lossNames[index % 6]!,
  rows: [1, 5, 33, 8][(index + 1) % 4]!,
  seed: 300 + index,
}));

for (const place of ["cpu", "device", "wasm"] as const) {
  test(`${place}: grad of a network's loss is the trainer's backward pass`, async () => {
    const open = { cpu: () => acquire({ device: "reference" }), device, wasm: sharedWasm };
    const own = await open[place]();
    const reference = await acquire({ device: "reference" });
    for (const one of nets) {
      const net = networkOf(one);
      const data = dataOf(net, one.rows, one.seed);
      const parameters = parametersOf(net, one.seed);
      using model = await createModel(net, { device: reference, parameters });
      const { gradients, losses, activations } = await model.trace(data, optimizer);
      const layers = t.networkParameters(own, net, parameters);
      const inputs = t.tensor(own, data.inputs, [one.rows, net.inputs]);
      const targets = t.tensor(own, data.targets, [one.rows, net.outputs]);
      const lossOf = (all: typeof layers): t.Tensor => t.networkLoss(net, all, inputs, targets);
      const { value, gradient } = t.valueAndGrad(lossOf)(layers);
      const outputs = t.networkOutputs(net, layers, inputs);
      const parts = await Promise.all(gradient.flatMap(({ weights, bias }) => [weights.read(), bias.read()]));
      const flat = parts.flatMap((part) => [...part]);
      const largest = Math.max(...[...gradients].map(Math.abs));
      // On the GPU as the trainer's own gradients: test/gradients.test.ts.
      const bound = place === "cpu" ? 1e-13 * (1 + largest) : 1e-6 * largest + 1e-7;
      expect(flat.length).toBe(net.parameterCount);
      expect(largestDifference(flat, gradients), `${describeNet(net)}, ${one.rows} rows`).toBeLessThanOrEqual(bound);
      const lossBound = place === "cpu" ? 1e-13 : 2e-6;
      expect(Math.abs((await value.item()) / losses[0]! - 1), describeNet(net)).toBeLessThanOrEqual(lossBound);
      expect(largestDifference(await outputs.read(), activations.at(-1)!)).toBeLessThanOrEqual(
        place === "cpu" ? 1e-13 : 1e-5,
      );
      t.dispose([layers, inputs, targets, value, gradient, outputs]);
    }
    expect(own.ledger).toEqual({ buffers: 0, bytes: 0 });
  });
}

test("a model's gradients are checked against differences, of any member, and a wrong one is named", async () => {
  const one: NetCase = {
    ...nets[6]!,
    layers: [
      { width: 4, activation: "tanh" },
      { width: 3, activation: "sigmoid" },
    ],
    loss: "huber",
  };
  const net = networkOf(one);
  const data = dataOf(net, one.rows, one.seed);
  for (const place of [device(), await sharedWasm(), await acquire({ device: "reference" })]) {
    using model = await createModel(net, { device: place, members: 2, seed: 4 });
    for (const member of [0, 1]) {
      const check = await t.checkModelGradient(model, data, { member });
      expect(check).toMatchObject({ passed: true, checked: net.parameterCount });
      expect(check.worst!.name).toMatch(/^layers\[[01]\]\.(weights\[\d+, \d+\]|bias\[\d+\])$/);
    }
    const trace = model.trace.bind(model);
    model.trace = async (...all) => {
      const whole = await trace(...all);
      whole.gradients[net.layers[1]!.weightsOffset + 4] = 1;
      return whole;
    };
    const wrong = await t.checkModelGradient(model, data);
    expect([wrong.passed, wrong.worst!.name]).toEqual([false, "layers[1].weights[1, 1]"]);
  }
});
