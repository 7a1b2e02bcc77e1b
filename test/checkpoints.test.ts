// States that a training hands out while it goes on, and which training a state is of.

import { expect, test } from "vitest";
import {
  acquire,
  adam,
  type Checkpoint,
  createModel,
  dense,
  type Device,
  InvalidInput,
  network,
  sgd,
  type TrainOptions,
} from "../src/index.ts";
import { BufferOwner, readStretches, write } from "../src/backend/webgpu/bufferOwner.ts";
import { dataOf } from "./support/nets.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const gpu = shareDevice();
const wasm = await acquire({ device: "wasm" });
const reference = await acquire({ device: "reference" });
const net = network({ inputs: 3, layers: [dense(6, "tanh"), dense(2)], loss: "meanSquaredError" });
const data = dataOf(net, 40, 1);
const shared: TrainOptions = { optimizer: adam({ learningRate: 0.05 }), batchSize: 8, seed: 5, steps: 23 };
const places: [string, () => Device][] = [
  ["WebGPU", gpu],
  ["WebAssembly", () => wasm],
  ["the reference", () => reference],
];

test.each(places)(
  "%s: states come after so many steps each, and from each the rest has the same bits",
  async (_, device) => {
    const states: Checkpoint[] = [];
    using whole = await createModel(net, { device: device(), seed: 1 });
    const save = (state: Checkpoint): void => void states.push(state);
    await whole.fit(data, { ...shared, checkpoint: { interval: { steps: 5 }, save } });
    expect(states.map(({ step }) => step)).toEqual([5, 10, 15, 20]);
    const wanted = await whole.readParameters();
    using again = await createModel(net, { device: device(), seed: 1 });
    await again.fit(data, shared);
    expect(await again.readParameters(), "handing out states changes nothing").toEqual(wanted);
    for (const resume of states) {
      using second = await createModel(net, { device: device() });
      await second.fit(data, { ...shared, resume });
      expect(await second.readParameters()).toEqual(wanted);
    }
  },
);

test("steps continue while a state is being stored, and the next one waits", async () => {
  using model = await createModel(net, { device: wasm, seed: 1 });
  const told: string[] = [];
  let stored: (() => void) | undefined;
  const save = ({ step }: Checkpoint): Promise<void> => {
    told.push(`save ${step}`);
    return new Promise((resolve) => (stored = resolve));
  };
  const training = model.train(data, {
    ...shared,
    steps: 12,
    logInterval: { steps: 2 },
    checkpoint: { interval: { steps: 5 }, save },
  });
  const next = async (): Promise<void> => void told.push(`step ${(await training.next()).value?.step}`);
  for (let event = 0; event < 4; event++) await next();
  expect(told).toEqual(["step 2", "step 4", "save 5", "step 6", "step 8"]);
  const waiting = next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(told.at(-1)).toBe("step 8");
  stored!();
  await waiting;
  expect(told.slice(5)).toEqual(["save 10", "step 10"]);
  await next();
  const end = next();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(told.at(-1)).toBe("step 12"); // the training does not end before its states are stored
  stored!();
  await end;
});

test("what goes wrong with storing ends the training, with its parameters as they are", async () => {
  using model = await createModel(net, { device: wasm, seed: 1 });
  const save = (): Promise<never> => Promise.reject(new Error("no room"));
  await expect(model.fit(data, { ...shared, checkpoint: { interval: { steps: 5 }, save } })).rejects.toThrow("no room");
  expect(model.checkpoint!.step).toBeGreaterThanOrEqual(5);
});

test("by time, and by epochs", async () => {
  using model = await createModel(net, { device: wasm, seed: 1 });
  const steps: number[] = [];
  const save = ({ step }: Checkpoint): void => void steps.push(step);
  await model.fit(data, { ...shared, checkpoint: { interval: { epochs: 2 }, save } });
  expect(steps).toEqual([10, 20]);
  steps.length = 0;
  await model.fit(data, { ...shared, logInterval: { steps: 1 }, checkpoint: { interval: { ms: 0 }, save } });
  expect(steps).toEqual(Array.from({ length: 23 }, (_, at) => at + 1));
  await model.fit(data, { ...shared, checkpoint: { interval: { ms: 1e6 }, save } });
  expect(steps.length).toBe(23);
});

test("wrong options are named", async () => {
  using model = await createModel(net, { device: wasm });
  const save = (): void => {};
  const refused = async (checkpoint: object, message: RegExp): Promise<void> =>
    expect((async () => model.plan(data, { ...shared, checkpoint } as TrainOptions))()).rejects.toThrow(message);
  await refused(
    { interval: { steps: 5 } },
    /train: checkpoint: expected an interval and a function save, got interval/,
  );
  await refused({ interval: { steps: 0 }, save }, /train: checkpoint: interval: expected an integer from 1/);
  await refused({ every: 3, save }, /train: checkpoint: expected options among interval, save, got every/);
});

test("a state of another training is refused with both values, and may be taken on purpose", async () => {
  using model = await createModel(net, { device: wasm, seed: 1, members: 2 });
  const own = { ...shared, perMember: { seed: [1, 2] } };
  for await (const { step } of model.train(data, { ...own, logInterval: { steps: 7 } })) if (step === 7) break;
  const resume = structuredClone(model.checkpoint!);
  const refused = async (changes: TrainOptions, message: RegExp, rows = data): Promise<void> => {
    const plan = async () => model.fit(rows, { ...own, resume, ...changes });
    await expect(plan()).rejects.toThrow(InvalidInput);
    await expect(plan()).rejects.toThrow(message);
  };
  await refused({ seed: 6 }, /train: resume: seed: expected 5, as in the checkpoint, got 6; pass the same, or resume/);
  await refused({ batchSize: 4 }, /train: resume: batchSize: expected 8, .* got 4/);
  await refused({ shuffle: false }, /train: resume: shuffle: expected true, .* got false/);
  await refused({ bootstrap: true }, /train: resume: bootstrap: expected false/);
  await refused({ optimizer: sgd() }, /train: resume: optimizer: expected adam, .* got sgd/);
  await refused(
    { perMember: { seed: [1, 3] } },
    /train: resume: perMember\.seed: expected [0-9a-f]{16}, .* got [0-9a-f]{16}/,
  );
  await refused({ perMember: {} }, /perMember\.seed: expected [0-9a-f]{16}, .* got undefined/);
  const other = { ...data, inputs: data.inputs.with(3, 0.5) };
  await refused({}, /train: resume: data: expected rows of [0-9a-f]{16}, .* got [0-9a-f]{16}/, other);
  await refused({}, /train: resume: data/, { inputs: data.inputs, targets: data.targets.toReversed() });
  const inFloat64 = { inputs: Float64Array.from(data.inputs), targets: Float64Array.from(data.targets) };
  await model.fit(inFloat64, { ...own, resume });
  await model.fit(data, { ...own, resume, optimizer: adam({ learningRate: 1 }) });
  await model.fit(other, { ...own, resume: { ...resume, fingerprint: undefined } });
  expect(model.checkpoint!.step).toBe(23);
});

test("a model of more than 2²² parameters keeps its state while steps continue", async () => {
  const wide = network({ inputs: 2050, layers: [dense(2050)], loss: "meanSquaredError" });
  const rows = dataOf(wide, 8, 1);
  const options: TrainOptions = {
    optimizer: sgd({ learningRate: 0.01, momentum: 0.9 }),
    batchSize: 4,
    seed: 5,
    steps: 6,
  };
  using whole = await createModel(wide, { device: wasm, seed: 1 });
  const states: Checkpoint[] = [];
  const save = (state: Checkpoint): void => void states.push(state);
  const stop = new AbortController();
  const training = whole.train(rows, {
    ...options,
    logInterval: { steps: 1 },
    checkpoint: { interval: { steps: 2 }, save },
    signal: stop.signal,
  });
  for (let step = 1; step <= 5; step++) await training.next();
  expect(whole.checkpoint!.parameters.length).toBe(wide.parameterCount);
  stop.abort(new Error("stopped"));
  await expect(training.next()).rejects.toThrow("stopped");
  expect(whole.checkpoint!.step, "the last one is kept in any case").toBe(5);
  expect(states.map(({ step }) => step)).toEqual([2, 4]);
  await whole.fit(rows, { ...options, resume: whole.checkpoint });
  const wanted = await whole.readParameters();
  await whole.fit(rows, { ...options, resume: states[0] });
  const again = await whole.readParameters();
  expect(again.every((value, at) => value === wanted[at])).toBe(true);
});

test("much is copied on the device at once, and read in lots", async () => {
  const device = gpu();
  const count = 2 ** 23 + 5;
  const owner = new BufferOwner(device);
  try {
    const values = Uint32Array.from({ length: count }, (_, at) => Math.imul(at, 0x9e3779b1));
    const [large, small] = [owner.upload("large", values), owner.upload("small", values.subarray(0, 9))];
    const stretches = [
      { buffer: small, first: 2, length: 3 },
      { buffer: large, first: 1, length: count - 1 },
      { buffer: small, first: 0, length: 9 },
    ];
    const reading = readStretches(device, "test", stretches);
    write(device, large, new Uint32Array(count)); // comes later
    const words = new Uint32Array(await reading);
    const wanted = new Uint32Array([...stretches].reduce((sum, { length }) => sum + length, 0));
    wanted.set(values.subarray(2, 5));
    wanted.set(values.subarray(1), 3);
    wanted.set(values.subarray(0, 9), count + 2);
    expect(words.length).toBe(wanted.length);
    expect(words.findIndex((word, at) => word !== wanted[at])).toBe(-1);
  } finally {
    owner.dispose();
  }
});
