import { expect, test } from "vitest";
import {
  acquire,
  adam,
  createModel,
  dense,
  type Device,
  type Model,
  network,
  type Progress,
  sgd,
} from "../src/index.ts";
import { dataOf } from "./support/nets.ts";
import { openDevice } from "./support/kernelRun.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const gpu = shareDevice();
const cpu = await acquire({ device: "reference" });
const devices: [string, () => Device][] = [
  ["reference", () => cpu],
  ["GPU", gpu],
];

const net = network({ inputs: 3, layers: [dense(6, "tanh"), dense(2)], loss: "meanSquaredError" });
const data = dataOf(net, 40, 1);
const held = dataOf(net, 10, 2);
const classes = network({ inputs: 3, layers: [dense(6, "tanh"), dense(4)], loss: "softmaxCrossEntropy" });
const optimizer = sgd({ learningRate: 0.1 });

const modelOn = (device: Device, members = 1): Promise<Model> => createModel(net, { device, members, seed: 1 });
const allFinite = (values: ArrayLike<number>): boolean => Array.from(values).every(Number.isFinite);

test.each(devices)("%s: fit learns, and its history is the training", async (_, device) => {
  using model = await modelOn(device(), 2);
  const before = await model.evaluate(data);
  const options = { optimizer, epochs: 30, batchSize: 16, logInterval: { epochs: 10 }, validation: held };
  const { steps, loss, validation, diverged, history } = await model.fit(data, options);
  const after = await model.evaluate(data);
  expect(after.loss).toBeLessThan(0.8 * before.loss);
  expect(steps).toBe(90);
  expect(history.loss).toHaveLength(30);
  expect(loss).toBe(history.loss[29]);
  expect(history.loss[29]).toBeLessThan(0.8 * history.loss[0]!);
  expect(history.validation.map(({ epoch }) => epoch)).toEqual([10, 20, 30]);
  expect(history.validation[2]).toMatchObject({ epoch: 30, step: 90, ...validation });
  expect(diverged).toBe(0);
  expect(validation).toEqual(await model.evaluate(held));
  expect(validation!.losses).toHaveLength(2);
  expect(validation!.accuracy).toBeUndefined();
});

test.each(devices)("%s: events by steps, epochs and time bring every loss once", async (_, device) => {
  for (const [logInterval, events] of [
    [{ steps: 7 }, 4],
    [{ epochs: 1 }, 5],
    [{ steps: 1000 }, 1],
    [{ ms: 0 }, undefined],
    [undefined, undefined],
  ] as const) {
    using model = await modelOn(device(), 3);
    const seen: Progress[] = [];
    const options = { optimizer, steps: 25, batchSize: 8, ...(logInterval && { logInterval }) };
    for await (const event of model.train(data, options)) seen.push(event);
    if (events) expect(seen).toHaveLength(events);
    expect(seen.reduce((total, { losses }) => total + losses.length, 0)).toBe(25 * 3);
    expect(seen.at(-1)!.step).toBe(25);
    for (const { loss, losses } of seen) {
      expect(loss).toBeCloseTo([...losses].reduce((sum, value) => sum + value, 0) / losses.length, 12);
    }
  }
});

test.each(devices)("%s: more steps than the ring of losses holds bring every loss", async (_, device) => {
  const one = network({ inputs: 1, layers: [dense(1)], loss: "squaredError" });
  using model = await createModel(one, { device: device(), parameters: Float32Array.of(1, 0) });
  const still = { inputs: Float32Array.of(1, 2), targets: Float32Array.of(0, 0) };
  const options = {
    optimizer: sgd({ learningRate: 0 }),
    steps: 5000,
    batchSize: 1,
    shuffle: false,
    logInterval: { steps: 5000 },
  };
  for await (const { losses } of model.train(still, options)) {
    expect(losses).toHaveLength(5000);
    expect([...losses].every((loss, step) => loss === (step % 2 === 0 ? 0.5 : 2))).toBe(true);
  }
});

test.each(devices)(
  "%s: an abort stops a training of days, throws its reason and leaves a model to use",
  async (_, device) => {
    using model = await modelOn(device());
    const before = await model.readParameters();
    const controller = new AbortController();
    const reason = new Error("the user pressed stop");
    const training = (async () => {
      const options = { optimizer, steps: 1e9, logInterval: { steps: 100 }, signal: controller.signal };
      for await (const { step } of model.train(data, options)) {
        if (step === 100) setTimeout(() => controller.abort(reason), 10);
      }
    })();
    await expect(training).rejects.toBe(reason);
    const after = await model.readParameters();
    expect(after).not.toEqual(before);
    expect(allFinite(after)).toBe(true);
    await model.fit(data, { optimizer, steps: 3 });
    await expect(model.fit(data, { optimizer, steps: 3, signal: controller.signal })).rejects.toBe(reason);
  },
);

test.each(devices)("%s: leaving the loop early leaves the parameters of the last event", async (_, device) => {
  using model = await modelOn(device());
  using other = await modelOn(device());
  for await (const { step } of model.train(data, { optimizer, steps: 100, logInterval: { steps: 10 } })) {
    if (step === 20) break;
  }
  await other.fit(data, { optimizer, steps: 20 });
  expect(await model.readParameters()).toEqual(await other.readParameters());
});

test.each(devices)(
  "%s: a second training of the same model is refused, and one after the other is not",
  async (_, device) => {
    using model = await modelOn(device());
    const options = { optimizer, steps: 20, logInterval: { steps: 5 } };
    const first = model.fit(data, options);
    await expect(model.fit(data, options)).rejects.toMatchObject({ code: "INVALID_INPUT" });
    await first;
    await model.fit(data, options);
    await expect(model.fit({ ...data, targets: data.targets.subarray(1) }, options)).rejects.toThrow();
    await model.fit(data, options);
  },
);

test.each(devices)("%s: two models train side by side as each would alone", async (_, device) => {
  const options = { optimizer, steps: 60, logInterval: { steps: 7 } };
  using alone = await modelOn(device());
  await alone.fit(data, options);
  const pair = await Promise.all([modelOn(device()), modelOn(device())]);
  await Promise.all(pair.map((model) => model.fit(data, options)));
  for (const model of pair) {
    expect(await model.readParameters()).toEqual(await alone.readParameters());
    model.dispose();
  }
});

test.each(devices)("%s: traces change nothing, even at the same time and during training", async (_, device) => {
  using model = await modelOn(device(), 2);
  using other = await modelOn(device(), 2);
  const before = await model.readParameters();
  const [first, second] = await Promise.all([model.trace(data, optimizer), model.trace(data, adam())]);
  expect(first.before).toEqual(before);
  expect(second.before).toEqual(before);
  expect(first.gradients).toEqual(second.gradients);
  expect(first.preActivations).toEqual(second.preActivations);
  expect(await model.readParameters()).toEqual(before);
  const options = { optimizer, steps: 40, logInterval: { steps: 5 } };
  for await (const { step } of model.train(data, options)) if (step === 20) await model.trace(data, optimizer);
  await Promise.all([other.fit(data, options), other.trace(data, optimizer), other.predict(data.inputs)]);
  expect(await other.readParameters()).toEqual(await model.readParameters());
});

const linear = network({ inputs: 3, layers: [dense(6), dense(2)], loss: "meanSquaredError" });

test.each(devices)(
  "%s: a training that diverges throws NonFinite and goes back to the last good state",
  async (_, device) => {
    using model = await createModel(linear, { device: device(), seed: 1 });
    const before = await model.readParameters();
    const steep = { optimizer: sgd({ learningRate: 1e30 }), steps: 200, logInterval: { steps: 100 } };
    const training = model.fit(data, steep);
    await expect(training).rejects.toMatchObject({ code: "NON_FINITE" });
    await expect(training).rejects.toThrow(/train: step \d+: .*lower learningRate \(it is 1e\+30\).*back at step 0/);
    expect(await model.readParameters()).toEqual(before);
    const { loss } = await model.fit(data, { optimizer, steps: 10 });
    expect(Number.isFinite(loss)).toBe(true);
  },
);

// Not on the CPU: float64 holds these numbers.
test("GPU: one member that diverges is counted, and the others train on", async () => {
  const parameters = new Float32Array(3 * linear.parameterCount).fill(0.1);
  parameters.fill(1e30, linear.parameterCount, 2 * linear.parameterCount);
  using model = await createModel(linear, { device: gpu(), members: 3, parameters });
  const many = { ...data, inputs: data.inputs.map((x) => x * 1e10) };
  const few = { optimizer: sgd({ learningRate: 1e-20 }), steps: 6, logInterval: { steps: 6 } };
  const { diverged, loss } = await model.fit(many, few);
  expect(diverged).toBe(1);
  expect(Number.isFinite(loss)).toBe(true);
});

test.each(devices)("%s: predict, logits and evaluate have their shapes", async (_, device) => {
  using model = await createModel(classes, { device: device(), members: 3, seed: 4 });
  const rows = dataOf(classes, 7, 3);
  const logits = await model.logits(rows.inputs);
  const probabilities = await model.predict(rows.inputs);
  expect([logits.length, probabilities.length]).toEqual([3 * 7 * 4, 3 * 7 * 4]);
  for (let row = 0; row < 21; row++) {
    const own = probabilities.subarray(4 * row, 4 * row + 4);
    expect([...own].reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 6);
    expect([...own].every((value) => value > 0 && value < 1)).toBe(true);
  }
  const { losses, accuracy, loss } = await model.evaluate(rows);
  expect(losses).toHaveLength(3);
  expect(accuracy! * 21).toBeCloseTo(Math.round(accuracy! * 21), 9);
  expect(loss).toBeCloseTo([...losses].reduce((sum, own) => sum + own, 0) / 3, 12);
  const single = await createModel(classes, { device: device(), seed: 6 });
  expect((await single.logits(rows.inputs)).subarray(0, 28)).toEqual(logits.subarray(56));
  single.dispose();
  const sigmoids = network({ inputs: 3, layers: [dense(2)], loss: "binaryCrossEntropy" });
  using binary = await createModel(sigmoids, { device: device(), members: 2 });
  expect((await binary.predict(rows.inputs)).every((value) => value > 0 && value < 1)).toBe(true);
});

test.each(devices)("%s: a disposed model throws, whatever is called", async (_, device) => {
  const model = await modelOn(device());
  await model.predict(data.inputs);
  model.dispose();
  model.dispose();
  const disposed = expect.objectContaining({ code: "DISPOSED" });
  await expect(model.predict(data.inputs)).rejects.toEqual(disposed);
  await expect(model.fit(data, { optimizer, steps: 1 })).rejects.toEqual(disposed);
  await expect(model.evaluate(data)).rejects.toEqual(disposed);
  await expect(model.trace(data, optimizer)).rejects.toEqual(disposed);
  await expect((async () => model.readParameters())()).rejects.toEqual(disposed);
  expect(() => model.writeParameters(new Float32Array(net.parameterCount))).toThrow(disposed);
});

test.each(devices)(
  "%s: disposing a model in the middle of its training ends that training, and nothing else",
  async (_, device) => {
    const model = await modelOn(device());
    using other = await modelOn(device());
    const options = { optimizer, steps: 1000, logInterval: { steps: 10 } };
    const training = (async () => {
      for await (const { step } of model.train(data, options)) if (step === 20) model.dispose();
    })();
    await expect(training).rejects.toMatchObject({ code: "DISPOSED" });
    const late = await modelOn(device());
    setTimeout(() => late.dispose(), 20);
    await expect(late.fit(data, { ...options, steps: 1e9 })).rejects.toMatchObject({ code: "DISPOSED" });
    await other.fit(data, { optimizer, steps: 5 });
    expect(allFinite(await other.predict(data.inputs))).toBe(true);
  },
);

test("devices of one's own are used and not destroyed; two devices work side by side", async () => {
  const first = await openDevice();
  const second = await acquire({ gpuDevice: first.gpu });
  using model = await modelOn(second);
  await model.fit(data, { optimizer, steps: 2 });
  second.dispose();
  await expect(model.predict(data.inputs)).rejects.toThrow(/the device was disposed/);
  using other = await modelOn(first); // the GPU device itself is as it was
  expect(allFinite(await other.predict(data.inputs))).toBe(true);
  first.dispose();
});
