import fc from "fast-check";
import { expect, test } from "vitest";
import { loss } from "../src/backend/cpu/loss.ts";
import { Step } from "../src/backend/cpu/step.ts";
import { ReferenceExecutor } from "../src/backend/cpu/executor.ts";
import type { Dataset } from "../src/backend/executor.ts";
import {
  acquire,
  activation,
  adam,
  type AnyNetwork,
  asChain,
  concat,
  createModel,
  dense,
  dropout,
  embedding,
  initialize,
  InvalidInput,
  type Layer,
  layerNorm,
  loss as ownLoss,
  math,
  network,
  parametersOf,
  residual,
  sgd,
  verifyTraining,
} from "../src/index.ts";
import { relativeDistance } from "./support/compare.ts";
import { graphGoldens, trainGolden } from "./support/graphGoldens.ts";
import { graphCases, graphData, graphParameters, randomGraph } from "./support/graphs.ts";
import { allCases } from "./support/shapes.ts";
import { testInFull } from "./support/share.ts";

const cpu = await acquire({ device: "reference" });

test.each(graphGoldens)("$name: the reference repeats PyTorch's float64 run", async (golden) => {
  const { losses, parameters } = await trainGolden(golden, new ReferenceExecutor(golden.network, 1));
  expect(relativeDistance(losses, golden.losses)).toBeLessThanOrEqual(1e-12);
  expect(relativeDistance(parameters, golden.finalParameters)).toBeLessThanOrEqual(1e-10);
});

const masks = { seed: 3, step: 5 };

/** Loss and gradients of a step with dropout on. */
function stepAt(net: AnyNetwork, { inputs, targets }: Dataset, parameters: Float64Array) {
  const rows = targets.length / net.outputs;
  const step = new Step(net, rows);
  const pass = { rows, inputs: Float64Array.from(inputs), parameters, masks };
  return { loss: step.forwardBackward(pass, Float64Array.from(targets)), gradients: step.gradients };
}

/** The loss with dropout on, as a function of the parameters. */
function lossOf(net: AnyNetwork, { inputs, targets }: Dataset): (parameters: Float64Array) => number {
  const rows = targets.length / net.outputs;
  const step = new Step(net, rows);
  const shape = { loss: net.loss, batchSize: rows, fanOut: net.outputs };
  const given = { rows, inputs: Float64Array.from(inputs), masks };
  const wanted = Float64Array.from(targets);
  const dOutputs = new Float64Array(wanted.length);
  return (parameters) => {
    const outputs = step.forward({ ...given, parameters });
    return loss({ ...shape, outputs, targets: wanted, dOutputs });
  };
}

/** By four points, h⁴/30 · f⁽⁵⁾ off, and the same with half the distance: where they differ there is a kink between. */
function slopesAt(lossAt: (parameters: Float64Array) => number, parameters: Float64Array, index: number) {
  const at = (shift: number): number => {
    const moved = parameters.slice();
    moved[index]! += shift;
    return lossAt(moved);
  };
  const slope = (h: number): number => (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
  return [slope(2 ** -11), slope(2 ** -12)] as const;
}

/** @returns how many parameters were compared, and how many lie at a kink */
function compareWithDifferences(net: AnyNetwork, rows: number, seed: number): { compared: number; kinks: number } {
  const data = graphData(net, rows, seed);
  const parameters = graphParameters(net, seed);
  const { gradients, loss: value } = stepAt(net, data, parameters);
  const lossAt = lossOf(net, data);
  expect(value).toBe(lossAt(parameters));
  let kinks = 0;
  for (const [index, gradient] of gradients.entries()) {
    const [wanted, finer] = slopesAt(lossAt, parameters, index);
    const bound = 1e-6 * Math.abs(wanted) + 1e-8;
    if (Math.abs(wanted - finer) > bound / 10) kinks++;
    else {
      const text = `${parametersOf(net).findLast(({ offset }) => offset <= index)!.name}: ${gradient}, wanted ${wanted}`;
      expect(Math.abs(gradient - wanted) <= bound ? "" : `seed ${seed}: ${text}`).toBe("");
    }
  }
  return { compared: gradients.length - kinks, kinks };
}

test.each(graphCases)("gradients are the limits of central differences: $name", ({ network: net }) => {
  const { kinks } = compareWithDifferences(net, 7, 11);
  expect(kinks).toBe(0);
});

testInFull("gradients of random graphs are the limits of central differences", () => {
  let [compared, kinks] = [0, 0];
  const check = (seed: number): void => {
    const own = compareWithDifferences(randomGraph(seed), 1 + (seed % 4), seed);
    compared += own.compared;
    kinks += own.kinks;
  };
  fc.assert(fc.property(fc.nat(1e6), check), allCases(150));
  console.log(`${compared} slopes of random graphs compared, ${kinks} at kinks`);
  expect(kinks / (compared + kinks)).toBeLessThan(0.1);
});

test("a list, a function and layers that make a list of dense layers are the same network", () => {
  const list = network({ inputs: 3, layers: [dense(4, "tanh"), dense(2)], loss: "huber" });
  const built = network({ inputs: 3, loss: "huber" }, (x) => x.pipe(dense(4), (y) => y.activate("tanh"), dense(2)));
  expect(built).toEqual(list);
  expect(asChain(built)).toBe(built);
  expect(parametersOf(list).map(({ name, shape, offset }) => [name, shape, offset])).toEqual([
    ["layers.0.weights", [3, 4], 0],
    ["layers.0.bias", [4], 12],
    ["layers.1.weights", [4, 2], 16],
    ["layers.1.bias", [2], 24],
  ]);
  for (const { network: net } of graphCases.filter(({ name }) => name !== "activations as layers")) {
    expect(asChain(net)).toBeUndefined();
  }
});

test("parameters are named and laid out in the order of the layers, and start as in PyTorch", () => {
  const layers = [embedding({ column: 0, categories: 9, width: 2 }), dense(6, "relu"), residual(layerNorm(), dense(6))];
  const net = network({ inputs: 3, layers: [...layers, dense(1)], loss: "meanSquaredError" });
  expect(parametersOf(net).map(({ name, shape }) => `${name} ${shape.join("×")}`)).toEqual([
    "layers.0.table 9×2",
    "layers.1.weights 4×6",
    "layers.1.bias 6",
    "layers.2.scale 6",
    "layers.2.shift 6",
    "layers.3.weights 6×6",
    "layers.3.bias 6",
    "layers.4.weights 6×1",
    "layers.4.bias 1",
  ]);
  const values = initialize(net, { seed: 4, members: 1 });
  const named = new Map(parametersOf(net).map(({ name, offset, size }) => [name, values.slice(offset, offset + size)]));
  expect(new Set(named.get("layers.2.scale"))).toEqual(new Set([1]));
  expect(new Set(named.get("layers.2.shift"))).toEqual(new Set([0]));
  const variance = (list: Float32Array): number => list.reduce((sum, x) => sum + x * x, 0) / list.length;
  expect(3 * variance(named.get("layers.0.table")!)).toBeGreaterThan(0.3); // 18 values, √3 times standard normal ones
  expect(variance(named.get("layers.1.weights")!)).toBeCloseTo(2 / 4, 0); // He, for relu
});

const refused: readonly [string, () => unknown][] = [
  ["network: residual: expected layers that return vectors of width 4, that of their input, got width 3",
    () => network({ inputs: 4, layers: [residual(dense(3)), dense(1)], loss: "huber" })],
  ["network: elementwise: expected vectors of the same width, got 3 and 4",
    () => network({ inputs: 4, loss: "huber" }, (x) => x.pipe(dense(3)).plus(x).pipe(dense(1)))],
  ["network: embedding: expected one column of the data, got a computed value",
    () => network({ inputs: 4, layers: [dense(3), embedding({ column: 0, categories: 3, width: 2 })], loss: "huber" })],
  ["network: embedding: column: expected an integer from 0 to 3, got 4",
    () => network({ inputs: 4, layers: [embedding({ column: 4, categories: 3, width: 2 })], loss: "huber" })],
  ["network: dropout: rate: expected a number from 0 to below 1, got 1",
    () => network({ inputs: 4, layers: [dropout(1), dense(3)], loss: "huber" })],
  ["network: output: expected each parameter used by one node before it, got layers.0.weights is not used",
    () => network({ inputs: 4, loss: "huber" }, (x) => (x.pipe(dense(3)), x.pipe(dense(1))))],
  ["network: output: expected logits before softmaxCrossEntropy, got tanh",
    () => network({ inputs: 4, layers: [layerNorm(), dense(3, "tanh")], loss: "softmaxCrossEntropy" })],
  ["network: layer: expected a vector of the network that is being built, got undefined",
    () => network({ inputs: 4, layers: [(() => undefined) as unknown as Layer], loss: "huber" })],
  ["network: width of dense: expected an integer from 1 to 1048576, got 0",
    () => network({ inputs: 4, layers: [layerNorm(), dense(0)], loss: "huber" })],
  ["network: activation: expected one of", () => network({ inputs: 4, loss: "huber" }, (x) => x.activate("swoosh" as "relu"))],
  ["network: loss: expected one of", () => network({ inputs: 4, layers: [layerNorm()], loss: "mae" as "huber" })],
  ["network: layerNorm: epsilon: expected a number above 0, got 0",
    () => network({ inputs: 4, layers: [layerNorm({ epsilon: 0 }), dense(1)], loss: "huber" })],
  ["network: expected at least one layer with parameters, got none",
    () => network({ inputs: 4, loss: "huber" }, (x) => x.sum())],
  ["network: parameters: expected a name of letters and digits, got a.b",
    () => network({ inputs: 4, loss: "huber" }, (x) => x.times(x.parameters({ "a.b": "ones" })["a.b"]))],
]; // prettier-ignore

test.each(refused)("wrong use is reported: %s", (message, build) => {
  expect(build).toThrow(InvalidInput);
  expect(build).toThrow(message);
});

test("a vector of another network is refused", () => {
  network({ inputs: 4, loss: "huber" }, (other) => {
    const build = () => network({ inputs: 4, loss: "huber" }, (x) => x.plus(other).pipe(dense(1)));
    expect(build).toThrow("got a vector of another network");
    return other.pipe(dense(1));
  });
});

test("data of an embedding must name its categories", async () => {
  const net = network({
    inputs: 2,
    layers: [embedding({ column: 1, categories: 3, width: 2 }), dense(1)],
    loss: "huber",
  });
  using model = await createModel(net, { device: cpu });
  const message = (value: number): string =>
    `row 1, column 1: expected a category, an integer from 0 to 2, for the embedding of that column, got ${value}`;
  for (const value of [3, -1, 0.5]) {
    const inputs = Float64Array.of(0.5, 2, 0.5, value);
    await expect(model.predict(inputs)).rejects.toThrow(message(value));
    await expect(model.evaluate({ inputs, targets: new Float64Array(2) })).rejects.toThrow(message(value));
    const training = model.fit({ inputs, targets: new Float64Array(2) }, { optimizer: sgd(), steps: 1 });
    await expect(training).rejects.toThrow(message(value));
  }
});

test("dropout drops its share, keeps the mean, repeats by seed and step, and is off at predict", async () => {
  const net = network({ inputs: 50, layers: [dropout(0.3), dense(50)], loss: "squaredError" });
  const identity = Float64Array.from({ length: net.parameterCount }, (_, at) => (at % 51 === 0 && at < 2500 ? 1 : 0));
  const inputs = new Float64Array(200 * 50).fill(1);
  const forward = (own?: { seed: number; step: number }): Float64Array => {
    const pass = { rows: 200, inputs, parameters: identity, masks: own };
    return new Step(net, 200).forward(pass).slice();
  };
  const masked = forward({ seed: 1, step: 0 });
  expect(new Set(masked)).toEqual(new Set([0, 1 / 0.7]));
  const dropped = masked.filter((value) => value === 0).length / masked.length;
  expect(Math.abs(dropped - 0.3)).toBeLessThan(0.023); // 5 standard deviations of 10,000 draws
  expect(forward({ seed: 1, step: 0 })).toEqual(masked);
  for (const other of [
    { seed: 1, step: 1 },
    { seed: 2, step: 0 },
  ]) {
    const same = forward(other).filter((value, at) => value === masked[at]).length / masked.length;
    expect(Math.abs(same - (0.7 ** 2 + 0.3 ** 2))).toBeLessThan(0.025); // independent draws
  }
  expect(forward()).toEqual(inputs);
  using model = await createModel(net, { device: cpu, parameters: identity });
  expect(await model.predict(inputs)).toEqual(inputs);
});

test("a training with dropout repeats its bits, and continues from a state as if it had not stopped", async () => {
  const layers = [dense(8, "relu"), dropout(0.5), concat(dense(4, "tanh"), dropout(0.2)), dense(1)];
  const net = network({ inputs: 3, layers, loss: "meanSquaredError" });
  const data = graphData(net, 20, 5);
  const options = { optimizer: adam(), batchSize: 6, seed: 9 };
  const whole = await createModel(net, { device: cpu, members: 2, seed: 1 });
  await whole.fit(data, { ...options, steps: 30 });
  const part = await createModel(net, { device: cpu, members: 2, seed: 1 });
  await part.fit(data, { ...options, steps: 13 });
  const rest = await createModel(net, { device: cpu, members: 2, seed: 1 });
  await rest.fit(data, { ...options, steps: 30, resume: part.checkpoint });
  expect(await rest.readParameters()).toEqual(await whole.readParameters());
  const single = await createModel(net, { device: cpu, seed: 2 });
  await single.fit(data, { ...options, steps: 30 });
  const all = await whole.readParameters();
  expect(await single.readParameters()).toEqual(all.subarray(net.parameterCount)); // a member is what it would be alone
});

test("a graph trains, predicts, scores and verifies as any network", async () => {
  const layers = [dense(8), residual(layerNorm(), dense(8, "silu")), dense(2)];
  const net = network({ inputs: 4, layers, loss: "softmaxCrossEntropy" });
  const data = graphData(net, 24, 6);
  const options = { optimizer: adam({ learningRate: 0.02 }), steps: 60, batchSize: 8 };
  using model = await createModel(net, { device: cpu, members: 2, seed: 3 });
  const initialParameters = await model.readParameters();
  const before = await model.evaluate(data);
  const { loss: after } = await model.fit(data, options);
  expect(after).toBeLessThan(0.5 * before.loss);
  const { losses } = await model.evaluate(data);
  expect(losses).toHaveLength(2);
  expect(model.summary().split("\n").slice(0, 6)).toEqual([
    "layer           activation  output  parameters",
    "inputs                           4           0",
    "1 dense         identity         8          40",
    "2 scale, shift                   8          16",
    "3 dense         silu             8          72",
    "4 dense         identity         2          18",
  ]);
  const { passed, worst } = await verifyTraining(model, { initialParameters, data, options });
  expect([passed, worst.name.startsWith("layers.")]).toEqual([true, true]);
  const { mean } = await model.predictEnsemble(data.inputs);
  expect(mean[0]! + mean[1]!).toBeCloseTo(1, 12);
  using second = await model.pick(1);
  const outputs = await model.predict(data.inputs);
  expect(await second.predict(data.inputs)).toEqual(outputs.subarray(outputs.length / 2));
});

test("the library page's networks train", async () => {
  const block = () => residual(layerNorm(), dense(16, "silu"), dropout(0.1));
  const layers = [embedding({ column: 1, categories: 5, width: 4 }), dense(16), block(), block(), dense(1)];
  const tabular = network({ inputs: 5, layers, loss: "meanSquaredError" });
  const gated = network({ inputs: 4, loss: "meanSquaredError" }, (x) => {
    const values = x.pipe(dense(32, "tanh"));
    const gate = x.pipe(dense(32, "sigmoid"));
    return values.times(gate).pipe(layerNorm(), dense(1));
  });
  for (const net of [tabular, gated]) {
    using model = await createModel(net, { device: cpu, seed: 1 });
    const data = graphData(net, 64, 2);
    const before = await model.evaluate(data);
    await model.fit(data, { optimizer: adam({ learningRate: 0.01 }), steps: 100 });
    expect((await model.evaluate(data)).loss).toBeLessThan(0.7 * before.loss);
  }
});

test("activations and losses of one's own train in graphs", async () => {
  const ownMish = activation("ownMish", (z) => z.times(math.tanh(math.softplus(z))));
  const ownLogCosh = ownLoss("ownLogCosh", (output, target) => {
    const error = math.absolute(output.minus(target));
    return error.plus(math.softplus(error.times(-2))).minus(Math.LN2);
  });
  const net = network({
    inputs: 3,
    layers: [dense(5, ownMish), residual(layerNorm(), dense(5, ownMish)), dense(2)],
    loss: ownLogCosh,
  });
  compareWithDifferences(net, 6, 2);
});
