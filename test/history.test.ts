// What fit returns, epoch by epoch, and what models say and write of themselves.

import { expect, test } from "vitest";
import {
  acquire,
  BadFile,
  createModel,
  defaultEpochs,
  dense,
  embedding,
  type EpochPoint,
  InvalidInput,
  loadModel,
  network,
  sgd,
} from "../src/index.ts";
import { dataOf } from "./support/nets.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const gpu = shareDevice();
const cpu = await acquire({ device: "reference" });
const devices = [
  ["GPU", () => gpu()],
  ["reference", () => cpu],
] as const;
const net = network({ inputs: 3, layers: [dense(5, "tanh"), dense(2)], loss: "softmaxCrossEntropy" });
const data = dataOf(net, 50, 1);
const held = dataOf(net, 20, 2);
const optimizer = sgd({ learningRate: 0.1 });

test.each(devices)("%s: history has the mean loss of each epoch, whenever events fall", async (_, device) => {
  const histories = [];
  for (const logInterval of [{ steps: 1 }, { steps: 7 }, { epochs: 2 }]) {
    using model = await createModel(net, { device: device(), seed: 1, members: 2 });
    const { history, loss } = await model.fit(data, { optimizer, steps: 18, batchSize: 10, logInterval });
    expect(loss).toBe(history.loss.at(-1));
    histories.push(history.loss);
  }
  using model = await createModel(net, { device: device(), seed: 1, members: 2 });
  const losses: number[] = [];
  for await (const event of model.train(data, { optimizer, steps: 18, batchSize: 10 })) losses.push(...event.losses);
  const means = [0, 10, 20, 30].map((at) => {
    const epoch = losses.slice(at, at + 10);
    return epoch.reduce((sum, loss) => sum + loss, 0) / epoch.length;
  });
  for (const history of histories) expect(history).toEqual(means);
});

test.each(devices)("%s: validation rows are scored after each epoch, and after a resume", async (_, device) => {
  using model = await createModel(net, { device: device(), seed: 1 });
  const options = { optimizer, batchSize: 10, seed: 3, validation: held };
  const first = await model.fit(data, { ...options, epochs: 2 });
  expect(first.history.validation.map(({ epoch }) => epoch)).toEqual([1, 2]);
  const last = await model.fit(data, { ...options, epochs: 5, resume: model.checkpoint });
  expect(last.history.loss).toHaveLength(5);
  expect(last.history.loss.slice(0, 2)).toEqual(first.history.loss);
  expect(last.history.validation.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5]);
  const { loss, accuracy } = await model.evaluate(held);
  expect(last.history.validation[4]).toMatchObject({ loss, accuracy });
});

test("of many epochs every n-th is scored", async () => {
  using model = await createModel(net, { device: cpu, seed: 1 });
  const { history } = await model.fit(data, { optimizer, batchSize: 50, epochs: 401, validation: held });
  expect(history.loss).toHaveLength(401);
  expect(history.validation).toHaveLength(134);
  expect(history.validation.at(-1)!.epoch).toBe(401);
});

test("an epoch in which everything diverged has no mean", async () => {
  const linear = network({ inputs: 3, layers: [dense(2)], loss: "meanSquaredError" });
  using model = await createModel(linear, { device: cpu, members: 2, seed: 1 });
  const learningRate = [1e-3, 1e30];
  const { history, diverged } = await model.fit(dataOf(linear, 50, 1), {
    optimizer,
    epochs: 3,
    perMember: { learningRate },
  });
  expect(diverged).toBe(1);
  expect(history.loss.every(Number.isFinite)).toBe(true);
});

test("without options fit trains with adam for the default epochs", async () => {
  using model = await createModel(net, { device: cpu, seed: 1 });
  const { history, steps } = await model.fit(data);
  expect(history.loss).toHaveLength(defaultEpochs);
  expect(steps).toBe(2 * defaultEpochs);
  expect(history.loss.at(-1)).toBeLessThan(history.loss[0]!);
});

test.each(devices)(
  "%s: probabilities are the softmax of the logits, of one network without an axis",
  async (_, device) => {
    using model = await createModel(net, { device: device(), seed: 1 });
    const [logits, probabilities] = [await model.logits(held.inputs), await model.predict(held.inputs)];
    expect([logits.length, probabilities.length]).toEqual([40, 40]);
    for (let row = 0; row < 20; row++) {
      const [a, b] = [logits[2 * row]!, logits[2 * row + 1]!];
      expect(probabilities[2 * row]).toBeCloseTo(1 / (1 + Math.exp(b - a)), 6);
    }
  },
);

test.each([1, 3])("a saved model of %i predicts the same bits when it is loaded", async (members) => {
  using model = await createModel(net, { device: cpu, seed: 1, members });
  await model.fit(data, { optimizer, epochs: 2 });
  const bytes = await model.save();
  using loaded = await loadModel(bytes, { device: cpu });
  model.writeParameters(Float64Array.from(Float32Array.from(await model.readParameters())));
  expect(await loaded.predict(held.inputs)).toEqual(await model.predict(held.inputs));
  using other = await createModel(net, { device: cpu, seed: 9, members });
  await other.load(bytes);
  expect(await other.readParameters()).toEqual(await loaded.readParameters());
  expect(loaded.summary()).toBe(model.summary());
});

test("a file of another network is refused, and the model stays as it was", async () => {
  const other = network({ inputs: 3, layers: [dense(5, "relu"), dense(2)], loss: "softmaxCrossEntropy" });
  using model = await createModel(other, { device: cpu, seed: 1 });
  using source = await createModel(net, { device: cpu, seed: 1 });
  const before = await model.readParameters();
  const expected =
    "load: expected 1 × 3-5-2 relu identity, softmaxCrossEntropy, got 1 × 3-5-2 tanh identity, softmaxCrossEntropy";
  await expect(model.load(await source.save())).rejects.toThrow(expected);
  await expect(model.load(await source.save())).rejects.toBeInstanceOf(InvalidInput);
  await expect(model.load(Uint8Array.of(1, 2, 3))).rejects.toBeInstanceOf(BadFile);
  await expect(loadModel(Uint8Array.of(1, 2, 3), { device: cpu })).rejects.toBeInstanceOf(BadFile);
  expect(await model.readParameters()).toEqual(before);
});

test("summary of a network with an embedding", async () => {
  const layers = [embedding({ column: 1, categories: 9, width: 4 }), dense(6, "tanh"), dense(1)];
  using model = await createModel(network({ inputs: 2, layers, loss: "huber" }), { device: cpu });
  expect(model.summary().split("\n").slice(2, 5)).toEqual([
    "1 embedding                   4          36",
    "2 dense      tanh             6          36",
    "3 dense      identity         1           7",
  ]);
});

test("summary says layers, widths and parameters", async () => {
  using model = await createModel(
    network({ inputs: 784, layers: [dense(128, "relu"), dense(10)], loss: "softmaxCrossEntropy" }),
    {
      device: cpu,
      members: 2,
    },
  );
  expect(model.summary()).toBe(
    [
      "layer    activation  output  parameters",
      "inputs                  784           0",
      "1 dense  relu           128     100,480",
      "2 dense  identity        10       1,290",
      "",
      "784-128-10: 101,770 parameters in each of 2 networks; loss softmaxCrossEntropy, on logits",
    ].join("\n"),
  );
});

test("onEpoch is called with each epoch in order, with its mean loss and scores, and is awaited", async () => {
  using model = await createModel(net, { device: cpu, seed: 1 });
  const points: EpochPoint[] = [];
  const onEpoch = async (point: EpochPoint) => {
    await Promise.resolve();
    points.push(point);
  };
  const options = { optimizer, batchSize: 10, validation: held, onEpoch };
  const { history } = await model.fit(data, { ...options, epochs: 3 });
  expect(points.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
  expect(points.map(({ loss }) => loss)).toEqual(history.loss);
  expect(points.map(({ validation }) => validation)).toEqual(history.validation);
  expect(history.validation.map(({ step }) => step)).toEqual([5, 10, 15]);
  points.length = 0;
  const resume = model.checkpoint;
  const last = await model.fit(data, { ...options, epochs: 7, resume, logInterval: { epochs: 2 } });
  expect(points.map(({ epoch, validation }) => [epoch, validation?.epoch])).toEqual([
    [4, 4],
    [5, undefined],
    [6, 6],
    [7, 7],
  ]);
  expect(points.map(({ loss }) => loss)).toEqual(last.history.loss.slice(3)); // the first three were told before
  const failing = () => Promise.reject(new Error("told"));
  await expect(model.fit(data, { ...options, epochs: 9, onEpoch: failing })).rejects.toThrow("told");
  await expect(model.fit(data, { onEpoch: 3 as never })).rejects.toBeInstanceOf(InvalidInput);
});
