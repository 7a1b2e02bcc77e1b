// Label smoothing, and weights of classes and rows: their definitions, PyTorch's runs, and every way to train against the float64 reference.

import { expect, test } from "vitest";
import { ReferenceExecutor } from "../src/backend/cpu/executor.ts";
import { type Dataset, strategyNames } from "../src/backend/executor.ts";
import type { GpuDevice } from "../src/backend/webgpu/device.ts";
import { crossEntropy } from "../src/math/softmax.ts";
import { trainingRows } from "../src/model/trainingRows.ts";
import { verifyTraining } from "../src/model/verify.ts";
import {
  acquire,
  type AnyNetwork,
  createModel,
  dense,
  type Device,
  ema,
  layerNorm,
  network,
  residual,
  sgd,
  type TrainOptions,
} from "../src/index.ts";
import golden from "./rowGolden/ema_sample_weights.json";
import { expectClose } from "./support/expectClose.ts";
import { relative, worstRelative } from "./support/goldens.ts";
import { dataOf, parametersOf } from "./support/nets.ts";
import { createUniform } from "./support/random.ts";
import { narrowed, shareDevices } from "./support/sharedDevice.ts";

const devices = shareDevices();

const classes = network({ inputs: 3, layers: [dense(4, "tanh"), dense(3)], loss: "softmaxCrossEntropy" });
const numbers = network({ inputs: 3, layers: [dense(5, "tanh"), dense(3)], loss: "meanSquaredError" });
const binary = network({ inputs: 3, layers: [dense(5, "tanh"), dense(1)], loss: "binaryCrossEntropy" });

const rows = 37;
const weightsOf = (seed: number, count = rows): Float32Array => {
  const uniform = createUniform(seed);
  return Float32Array.from({ length: count }, () => Math.round(8 * uniform()) / 4);
};
const weightedData = (net: typeof numbers | typeof classes | typeof binary): Dataset => ({
  ...dataOf(net, rows, 3),
  weights: weightsOf(5),
});

interface Training {
  readonly net: AnyNetwork;
  readonly data: Dataset;
  readonly options: TrainOptions;
  readonly members: number;
}

async function trained(device: Device, { net, data, options, members }: Training) {
  using model = await createModel(net, { device, seed: 7, members });
  const losses: number[] = [];
  for await (const event of model.train(data, { logInterval: { steps: 5 }, ...options })) losses.push(...event.losses);
  return { losses, parameters: await model.readParameters() };
}

test("labels are smoothed as PyTorch and Keras do", () => {
  const { targets } = trainingRows(classes, dataOf(classes, 1, 3), { labelSmoothing: 0.3 });
  const own = dataOf(classes, 1, 3).targets;
  for (let at = 0; at < 3; at++) expect(targets[at]).toBeCloseTo(own[at] === 1 ? 0.8 : 0.1, 7);
  const data = { inputs: new Float32Array(6), targets: Float32Array.of(0, 1) };
  expect([...trainingRows(binary, data, { labelSmoothing: 0.25 }).targets]).toEqual([0.125, 0.875]);
});

test("nothing changes where nothing is requested", () => {
  const data = dataOf(classes, 5, 3);
  expect(trainingRows(classes, data)).toBe(data);
  expect(trainingRows(classes, data, { labelSmoothing: 0 })).toBe(data);
});

test("balanced weights are scikit-learn's, and a class without rows counts nothing", () => {
  // sklearn.utils.class_weight.compute_class_weight("balanced", classes=[0, 1], y=[0, 0, 0, 1]): 2/3 and 2
  const targets = Float64Array.of(1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0);
  const own = trainingRows(classes, { inputs: new Float64Array(12), targets }, { classWeights: "balanced" });
  const expected = [2 / 3, 0, 0, 2 / 3, 0, 0, 2 / 3, 0, 0, 0, 2, 0];
  expectClose("targets", own.targets, Float64Array.from(expected), 1e-15);
});

test("classes, rows and smoothed labels together are Σ u v t' (−log p) / Σ u v(y)", () => {
  const data = { ...dataOf(classes, rows, 3), weights: weightsOf(5) };
  const classWeights = [0.5, 3, 2];
  const [executor, parameters] = [new ReferenceExecutor(classes, 1), Float64Array.from(parametersOf(classes, 7))];
  const loss = executor.lossOf(trainingRows(classes, widened(data), { classWeights, labelSmoothing: 0.2 }))(parameters);
  let [sum, all] = [0, 0];
  for (let row = 0; row < rows; row++) {
    const inputs = data.inputs.subarray(3 * row, 3 * row + 3);
    const logits = logitsOf(parameters, inputs);
    const targets = data.targets.subarray(3 * row, 3 * row + 3);
    const own = Float64Array.from(targets, (t, k) => classWeights[k]! * (0.8 * t + 0.2 / 3));
    sum += data.weights[row]! * crossEntropy(logits, own);
    all += data.weights[row]! * classWeights[targets.indexOf(1)]!;
  }
  expect(Math.abs(loss - sum / all)).toBeLessThan(1e-14);
});

const widened = ({ inputs, targets, weights }: Dataset): Dataset => ({
  inputs: Float64Array.from(inputs),
  targets: Float64Array.from(targets),
  weights: Float64Array.from(weights!),
});

function logitsOf(parameters: Float64Array, inputs: ArrayLike<number>): Float64Array {
  let values = Float64Array.from(inputs);
  for (const { fanIn, fanOut, weightsOffset, biasOffset, activation } of classes.layers) {
    const next = new Float64Array(fanOut);
    for (let to = 0; to < fanOut; to++) {
      next[to] = parameters[biasOffset + to]!;
      for (let from = 0; from < fanIn; from++)
        next[to]! += values[from]! * parameters[weightsOffset + from * fanOut + to]!;
    }
    values = activation === "tanh" ? next.map(Math.tanh) : next;
  }
  return values;
}

test("gradients of weighted rows are the slopes of the weighted loss", () => {
  for (const net of [numbers, binary, classes]) {
    const data = trainingRows(
      net,
      widened(weightedData(net)),
      net === numbers ? {} : { labelSmoothing: 0.1, classWeights: "balanced" },
    );
    const executor = new ReferenceExecutor(net, 1);
    const at = Float64Array.from(parametersOf(net, 7));
    executor.writeParameters(at);
    const { gradients, losses } = executor.traceNow(data, sgd());
    const lossAt = executor.lossOf(data);
    expect(losses[0]).toBeCloseTo(lossAt(at), 14);
    const slopes = at.map((_, index) => {
      const moved = (by: number): number => lossAt(at.with(index, at[index]! + by));
      return (8 * (moved(1e-3) - moved(-1e-3)) - (moved(2e-3) - moved(-2e-3))) / 12e-3;
    });
    expectClose("gradients", gradients, slopes, 1e-10);
  }
});

test("weights of rows do what PyTorch's do, in float64 and WebAssembly", async () => {
  const net = network({
    inputs: golden.inputs,
    layers: golden.layers.map(({ units, activation }) => dense(units, activation as "tanh")),
    loss: "binaryCrossEntropy",
  });
  const data = {
    inputs: Float64Array.from(golden.x),
    targets: Float64Array.from(golden.targets),
    weights: Float64Array.from(golden.weights),
  };
  const { steps, batchSize } = golden;
  const optimizer = sgd({ learningRate: golden.optimizer.learningRate });
  for (const [device, strategy, bound] of [
    [await devices.reference(), "auto", 1e-12],
    [await devices.wasm(), "samples", 1e-6],
    [await devices.wasm(), "layered", 1e-6],
  ] as const) {
    using model = await createModel(net, { device, parameters: Float64Array.from(golden.initialParameters) });
    const losses: number[] = [];
    const options = { steps, batchSize, optimizer, strategy, logInterval: { steps: 5 } };
    for await (const event of model.train(data, options)) losses.push(...event.losses);
    expect(worstRelative(losses, golden.losses)).toBeLessThan(bound);
    expect(relative(await model.readParameters(), golden.finalParameters)).toBeLessThan(bound);
    using averaged = await createModel(net, { device, parameters: Float64Array.from(golden.initialParameters) });
    await averaged.fit(data, { ...options, average: ema(golden.emaDecay) });
    expect(relative(await averaged.readParameters(), golden.emaParameters)).toBeLessThan(bound);
  }
});

const settings = { optimizer: sgd({ learningRate: 0.1 }), steps: 20, batchSize: 8, seed: 4 };
const ownRows = { perMember: { seed: [3, 4, 5] }, bootstrap: true };

for (const strategy of strategyNames) {
  test(`weighted rows on WebGPU, strategy ${strategy}`, async () => {
    const members = 3;
    const options = { ...settings, ...ownRows };
    const training = { net: numbers, data: weightedData(numbers), options, members };
    const wanted = await trained(await devices.reference(), training);
    const own = await trained(await devices.webgpu(), { ...training, options: { ...options, strategy } });
    expectClose("losses", own.losses, wanted.losses, 1e-5);
    expectClose("parameters", own.parameters, wanted.parameters, 1e-5);
  });
}

test("weighted rows on WebGPU, of a graph whose last layer is not dense and from several pages of data", async () => {
  const net = network({ inputs: 3, layers: [dense(5, "tanh"), dense(3), residual(dense(3, "tanh"))], loss: "huber" });
  const data = { ...dataOf(numbers, 6000, 3), weights: weightsOf(5, 6000) };
  const training = { net, data, options: settings, members: 1 };
  const wanted = await trained(await devices.reference(), training);
  const device = await narrowed((await devices.webgpu()) as GpuDevice, 2 ** 16);
  using model = await createModel(net, { device });
  expect((await model.plan(training.data, settings)).reason).toContain("rows gathered from several pages");
  const own = await trained(device, training);
  expectClose("losses", own.losses, wanted.losses, 1e-5);
  expectClose("parameters", own.parameters, wanted.parameters, 1e-5);
});

test("weighted rows in WebAssembly: members with rows of their own, samples, and layer by layer", async () => {
  const graph = network({ inputs: 3, layers: [dense(5, "tanh"), layerNorm(), dense(3)], loss: "huber" });
  for (const [net, members, strategy] of [
    [numbers, 3, "members"],
    [numbers, 3, "layered"],
    [numbers, 1, "samples"],
    [binary, 3, "members"],
    [graph, 1, "layered"],
  ] as const) {
    const options = { ...settings, ...(members > 1 && ownRows), ...(net === binary && { labelSmoothing: 0.1 }) };
    const data = weightedData(net === binary ? binary : numbers);
    const training = { net, data, options, members };
    const wanted = await trained(await devices.reference(), training);
    const own = await trained(await devices.wasm(), { ...training, options: { ...options, strategy } });
    expectClose("losses", own.losses, wanted.losses, 1e-5);
    expectClose("parameters", own.parameters, wanted.parameters, 1e-5);
  }
});

test("scores count rows by their weights, and never the smoothed labels", async () => {
  const data = weightedData(classes);
  const device = await devices.reference();
  using model = await createModel(classes, { device, seed: 2, members: 2 });
  const { losses, accuracies } = await model.evaluate(data);
  const repeated: number[] = [];
  for (let row = 0; row < rows; row++) for (let n = 0; n < 4 * data.weights![row]!; n++) repeated.push(row);
  const rowsOf = (values: ArrayLike<number>): Float32Array =>
    Float32Array.from(repeated.flatMap((row) => [0, 1, 2].map((column) => values[3 * row + column]!)));
  const plain = await model.evaluate({ inputs: rowsOf(data.inputs), targets: rowsOf(data.targets) });
  expectClose("losses", losses, plain.losses, 1e-14);
  expectClose("accuracies", accuracies!, plain.accuracies!, 1e-14);
  const { targets, inputs } = data;
  const options = { ...settings, labelSmoothing: 0.5, validation: { inputs, targets } };
  const { validation } = await model.fit(data, options);
  expect(validation).toEqual(await model.evaluate({ inputs, targets }));
});

test("a training with weights and smoothed labels is verified", async () => {
  const options = { ...settings, labelSmoothing: 0.1, classWeights: "balanced" } as const;
  using model = await createModel(classes, { device: await devices.wasm(), seed: 2 });
  const initialParameters = await model.readParameters();
  await model.fit(weightedData(classes), options);
  const request = { initialParameters, data: weightedData(classes), options };
  expect(await verifyTraining(model, request)).toMatchObject({ passed: true, conclusive: true });
  const other = { ...request, options: { ...options, labelSmoothing: 0.2 } };
  expect((await verifyTraining(model, other)).passed).toBe(false);
});

test("what makes no sense is refused with the remedy", async () => {
  using model = await createModel(numbers, { device: await acquire({ device: "reference" }) });
  using tellsApart = await createModel(classes, { device: model.device });
  const plain = dataOf(numbers, rows, 3);
  const fit = (own: TrainOptions) => model.fit(plain, own);
  await expect(fit({ labelSmoothing: 0.1 })).rejects.toThrow(/labelSmoothing: expected a cross entropy/);
  await expect(fit({ classWeights: "balanced" })).rejects.toThrow(/classWeights: expected softmaxCrossEntropy/);
  await expect(model.fit({ ...plain, weights: new Float32Array(3) }, {})).rejects.toThrow(
    /weights: expected 37 weights/,
  );
  const negative = new Float32Array(rows).fill(1).with(4, -1);
  await expect(model.fit({ ...plain, weights: negative })).rejects.toThrow(/weights: 4: expected finite numbers/);
  const own = dataOf(classes, rows, 3);
  await expect(tellsApart.fit(own, { labelSmoothing: 2 })).rejects.toThrow(
    /labelSmoothing: expected a number from 0 to 1/,
  );
  await expect(tellsApart.fit(own, { classWeights: [1, 2] })).rejects.toThrow(
    /classWeights: expected 3 weights, got 2/,
  );
});
