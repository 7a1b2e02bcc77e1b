import { expect, test } from "vitest";
import {
  acquire,
  adam,
  createModel,
  selfTest,
  dense,
  type Device,
  initialize,
  network,
  type Network,
  type Optimizer,
  rmsProp,
  sgd,
  type TrainOptions,
} from "../src/index.ts";
import { GpuExecutor } from "../src/backend/webgpu/strategies/executor.ts";
import { openDevice } from "./support/kernelRun.ts";
import { dataOf } from "./support/nets.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const gpu = shareDevice();
const cpu = await acquire({ device: "reference" });
const devices: [string, () => Device][] = [
  ["reference", () => cpu],
  ["GPU", gpu],
];

const net = network({ inputs: 3, layers: [dense(6, "tanh"), dense(2)], loss: "meanSquaredError" });
const data = dataOf(net, 40, 1);
const optimizer = sgd({ learningRate: 0.1 });
const empty = { buffers: 0, bytes: 0 };

/** A typed error that says place, expected, got and what to do. */
const invalid = expect.objectContaining({
  code: "INVALID_INPUT",
  message: expect.stringMatching(/^.+: expected .+, got .+; .+$/s),
});
/** Anything, as a caller without types might pass it. */
const any = (value: unknown) => value as never;

const badNetworks: [string, unknown][] = [
  ["a layer of width 0", { inputs: 2, layers: [dense(0)], loss: "huber" }],
  ["a width that is no number", { inputs: 2, layers: [dense(any("4"))], loss: "huber" }],
  ["a width that is NaN", { inputs: Number.NaN, layers: [dense(1)], loss: "huber" }],
  ["half a unit", { inputs: 1.5, layers: [dense(1)], loss: "huber" }],
  ["no layers", { inputs: 2, layers: [], loss: "huber" }],
  ["layers that are missing", { inputs: 2, loss: "huber" }],
  ["a layer that is null", { inputs: 2, layers: [null], loss: "huber" }],
  ["options that are no object", 5],
  ["an unknown activation", { inputs: 2, layers: [dense(1, any("swish"))], loss: "huber" }],
  ["a name of Object's", { inputs: 2, layers: [dense(1, any("constructor"))], loss: "huber" }],
  ["an unknown loss", { inputs: 2, layers: [dense(1)], loss: "hinge" }],
  ["probabilities before a loss on logits", { inputs: 2, layers: [dense(1, "sigmoid")], loss: "binaryCrossEntropy" }],
  ["tanh before softmax", { inputs: 2, layers: [dense(3, "tanh")], loss: "softmaxCrossEntropy" }],
  ["too many parameters", { inputs: 2 ** 20, layers: [dense(2 ** 20)], loss: "huber" }],
];
test.each(badNetworks)("network refuses %s", (_, options) => {
  expect(() => network(any(options))).toThrow(invalid);
});

const badOptimizers: [string, () => Optimizer][] = [
  ["a learning rate beyond f32", () => sgd({ learningRate: 1e39 })],
  ["a negative learning rate", () => adam({ learningRate: -1 })],
  ["a learning rate that is NaN", () => adam({ learningRate: Number.NaN })],
  ["a learning rate that is a string", () => adam({ learningRate: any("0.1") })],
  ["a momentum of 1", () => sgd({ momentum: 1 })],
  ["nesterov without momentum", () => sgd({ nesterov: true })],
  ["an unknown option", () => sgd(any({ lr: 0.1 }))],
  ["beta2 of 1", () => adam({ beta2: 1 })],
  ["an infinite epsilon", () => rmsProp({ epsilon: Number.POSITIVE_INFINITY })],
  ["an option of another optimizer", () => rmsProp(any({ beta1: 0.5 }))],
];
test.each(badOptimizers)("optimizers refuse %s", (_, make) => expect(make).toThrow(invalid));

const badData: [string, unknown][] = [
  ["no data", undefined],
  ["plain arrays", { inputs: [1, 2, 3], targets: [1, 2] }],
  ["integers", { inputs: new Int32Array(3), targets: new Int32Array(2) }],
  ["no rows", { inputs: new Float32Array(0), targets: new Float32Array(0) }],
  ["half a row", { inputs: new Float32Array(4), targets: new Float32Array(2) }],
  ["fewer targets than inputs", { inputs: new Float32Array(6), targets: new Float32Array(2) }],
  ["NaN among the inputs", { inputs: Float32Array.of(1, Number.NaN, 3), targets: new Float32Array(2) }],
  [
    "infinity among the targets",
    { inputs: new Float32Array(3), targets: Float32Array.of(0, Number.POSITIVE_INFINITY) },
  ],
  ["a number beyond f32", { inputs: Float64Array.of(1, 2, 1e39), targets: new Float64Array(2) }],
];
test.each(badData)("training, evaluation and traces refuse %s", async (_, wrong) => {
  for (const [, device] of devices) {
    using model = await createModel(net, { device: device() });
    await expect(model.fit(any(wrong), { optimizer, steps: 1 })).rejects.toEqual(invalid);
    await expect(model.fit(data, { optimizer, steps: 1, validation: any(wrong ?? {}) })).rejects.toEqual(invalid);
    await expect(model.evaluate(any(wrong))).rejects.toEqual(invalid);
    await expect(model.trace(any(wrong), optimizer)).rejects.toEqual(invalid);
  }
});

test("the place of a value that is not finite is reported by row and column", async () => {
  using model = await createModel(net, { device: cpu });
  const inputs = data.inputs.slice();
  inputs[3 * 17 + 2] = Number.NaN;
  await expect(model.predict(inputs)).rejects.toThrow(/row 17, column 2: expected a finite f32, got NaN/);
});

test.each(["binaryCrossEntropy", "softmaxCrossEntropy"] as const)("%s refuses targets outside [0, 1]", async (loss) => {
  const classes = network({ inputs: 3, layers: [dense(2)], loss });
  using model = await createModel(classes, { device: cpu });
  for (const target of [-0.1, 1.5]) {
    const targets = Float32Array.of(0, target);
    await expect(model.fit({ inputs: new Float32Array(3), targets }, { optimizer, steps: 1 })).rejects.toEqual(invalid);
  }
});

const badOptions: [string, unknown][] = [
  ["options that are no object", 5],
  ["an unknown option", { optimizer, steps: 1, batchsize: 4 }],
  ["both epochs and steps", { optimizer, epochs: 1, steps: 1 }],
  ["an optimizer by name", { optimizer: "adam", steps: 1 }],
  ["an unknown optimizer", { optimizer: { ...optimizer, name: "tiger" }, steps: 1 }],
  ["half an optimizer", { optimizer: { name: "sgd", learningRate: 0.1 }, steps: 1 }],
  ["an optimizer with a learning rate beyond f32", { optimizer: { ...optimizer, learningRate: 1e39 }, steps: 1 }],
  ["batch size 0", { optimizer, steps: 1, batchSize: 0 }],
  ["batch size 2.5", { optimizer, steps: 1, batchSize: 2.5 }],
  ["0 steps", { optimizer, steps: 0 }],
  ["half an epoch", { optimizer, epochs: 0.5 }],
  ["a negative seed", { optimizer, steps: 1, seed: -1 }],
  ["events every 0 steps", { optimizer, steps: 1, logInterval: { steps: 0 } }],
  ["events every NaN ms", { optimizer, steps: 1, logInterval: { ms: Number.NaN } }],
  ["events every −1 ms", { optimizer, steps: 1, logInterval: { ms: -1 } }],
  ["events every something", { optimizer, steps: 1, logInterval: { minutes: 1 } }],
  ["events by a number", { optimizer, steps: 1, logInterval: 5 }],
];
test.each(badOptions)("training refuses %s", async (_, wrong) => {
  for (const [, device] of devices) {
    using model = await createModel(net, { device: device() });
    await expect(model.fit(data, any(wrong))).rejects.toEqual(invalid);
    await expect(model.plan(data, any(wrong))).rejects.toThrow(invalid);
    await model.fit(data, { optimizer, steps: 1 });
  }
});

test("an option under its earlier name is told the present one", async () => {
  using model = await createModel(net, { device: cpu });
  await expect(model.fit(data, any({ optimizer, steps: 1, path: "layered" }))).rejects.toThrow(
    /did you mean strategy\?/,
  );
  await expect(createModel(net, any({ device: cpu, replicas: 3 }))).rejects.toThrow(/did you mean members\?/);
});

const badModels: [string, unknown][] = [
  ["0 members", { members: 0 }],
  ["half a member", { members: 0.5 }],
  ["2²¹ members", { members: 2 ** 21 }],
  ["an unknown initialiser", { initializer: "xavier" }],
  ["a negative seed", { seed: -1 }],
  ["parameters of another length", { parameters: new Float32Array(5) }],
  ["parameters for one member of two", { members: 2, parameters: new Float32Array(net.parameterCount) }],
  ["parameters with NaN", { parameters: new Float32Array(net.parameterCount).fill(Number.NaN) }],
  ["an unknown option", { member: 5 }],
];
test.each(badModels)("createModel refuses %s", async (_, wrong) => {
  for (const [, device] of devices) {
    await expect(createModel(net, any({ device: device(), ...(wrong as object) }))).rejects.toEqual(invalid);
  }
  expect(gpu().ledger).toEqual(empty);
});

test.each([
  ["its options alone", { inputs: 2, layers: [dense(1)], loss: "huber" }],
  ["a name", "2-1"],
  ["nothing", undefined],
])("createModel and selfTest refuse %s as a network", async (_, wrong) => {
  const expected = /: network: expected what network\(\) returns, got .*; pass network\(/;
  await expect(createModel(any(wrong), { device: cpu })).rejects.toThrow(expected);
  if (wrong !== undefined) await expect(selfTest(cpu, any({ network: wrong }))).rejects.toThrow(expected);
});

test("createModel refuses what is no device, and devices refuse what they are not", async () => {
  await expect(createModel(net, any({}))).rejects.toEqual(invalid);
  await expect(createModel(net, any(undefined))).rejects.toEqual(invalid);
  await expect(createModel(net, any({ device: { kind: "gpu" } }))).rejects.toEqual(invalid);
  await expect(acquire(any({ device: "tpu" }))).rejects.toEqual(invalid);
  await expect(acquire({ maxBufferBytes: 100 })).rejects.toEqual(invalid);
  await expect(acquire({ maxBufferBytes: Number.NaN })).rejects.toEqual(invalid);
  expect(() => initialize(net, { seed: 1, members: 1, initializer: any("x") })).toThrow(invalid);
});

test("a model too large for its device is refused by name, before its parameters are drawn", async () => {
  const large = network({ inputs: 20_000, layers: [dense(20_000)], loss: "huber" });
  for (const members of [1, 2 ** 20]) {
    if (large.parameterCount * 4 * members < gpu().maxBufferBytes) continue;
    await expect(createModel(large, { device: gpu(), members })).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    expect(gpu().ledger).toEqual(empty);
  }
  await expect(createModel(large, { device: cpu, members: 2 ** 20 })).rejects.toMatchObject({
    code: "LIMIT_EXCEEDED",
  });
});

/** Parameters of exactly 1 GiB: within the limits of SwiftShader, and more than it gives. */
const gigabyte: Network = network({ inputs: 2 ** 14 - 1, layers: [dense(2 ** 14)], loss: "huber" });

test("memory that runs out is reported by type, nothing stays allocated, and the device works on", async () => {
  const device = await openDevice();
  let code = "created";
  try {
    (await GpuExecutor.create(device, gigabyte, 1)).dispose();
  } catch (error) {
    code = (error as { code: string }).code;
  }
  if (device.kind === "software") expect(code).not.toBe("created");
  expect(["created", "GPU_OUT_OF_MEMORY", "LIMIT_EXCEEDED"]).toContain(code);
  console.log(`1 GiB of parameters on ${device.name}: ${code}`);
  expect(device.ledger).toEqual(empty);
  using model = await createModel(net, { device });
  await model.fit(data, { optimizer, steps: 3 });
  model.dispose();
  device.dispose();
});

const lost = expect.objectContaining({ code: "GPU_LOST", message: expect.stringMatching(/acquire a new device/) });
const steps: TrainOptions = { optimizer, steps: 1e6, batchSize: 8 };

test.each(["between two events", "in the middle of work", "before the training"])(
  "a GPU lost %s ends in GpuLost, and never in silence",
  async (when) => {
    const device = await openDevice();
    const model = await createModel(net, { device, seed: 1, recover: false });
    if (when === "before the training") device.gpu.destroy();
    if (when === "in the middle of work") setTimeout(() => device.gpu.destroy(), 50);
    const training = (async () => {
      for await (const { step } of model.train(data, { ...steps, logInterval: { steps: 200 } })) {
        if (when === "between two events" && step === 400) device.gpu.destroy();
      }
    })();
    await expect(training).rejects.toEqual(lost);
    await expect(model.predict(data.inputs)).rejects.toEqual(lost);
    await expect(model.readParameters()).rejects.toEqual(lost);
    await expect(model.trace(data, optimizer)).rejects.toEqual(lost);
    await expect(createModel(net, { device, recover: false })).rejects.toEqual(lost);
    model.dispose();
    expect(device.ledger).toEqual(empty);
    device.dispose();
  },
);

test("a device that was disposed is a lost one", async () => {
  const device = await openDevice();
  const model = await createModel(net, { device });
  device.dispose();
  await expect(model.fit(data, { optimizer, steps: 1 })).rejects.toEqual(lost);
  model.dispose();
});
