// A resumed training knows what was before: the history of a checkpoint, and the last step of a training.

import { expect, test } from "vitest";
import { decodeCheckpoint, encodeCheckpoint } from "../src/data.ts";
import {
  acquire,
  adam,
  type Checkpoint,
  createModel,
  dense,
  type Device,
  ema,
  type FitOptions,
  type FitResult,
  type History,
  network,
  sgd,
  type TrainOptions,
} from "../src/index.ts";
import { GpuDevice } from "../src/backend/webgpu/device.ts";
import { openDevice } from "./support/kernelRun.ts";
import { dataOf } from "./support/nets.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const gpu = shareDevice();
const reference = await acquire({ device: "reference" });
const wasm = await acquire({ device: "wasm" });
const places: [string, () => Device, number][] = [
  ["reference", () => reference, 1],
  ["WebAssembly", () => wasm, 3],
  ["GPU", gpu, 11],
];
const net = network({ inputs: 3, layers: [dense(6, "tanh"), dense(4)], loss: "softmaxCrossEntropy" });
const [data, validation] = [dataOf(net, 40, 1), dataOf(net, 20, 2)];
const shared: FitOptions = { optimizer: adam({ learningRate: 0.05 }), batchSize: 8, seed: 5, epochs: 7, validation };
const perEpoch = 5;

/** Without times, which no two trainings have in common. */
const untimed = ({ loss, validation: points, entries }: History) => ({
  loss,
  validation: points.map((point) => ({ ...point, elapsedMs: 0 })),
  entries: entries.map((entry) => ({ ...entry, elapsedMs: 0 })),
});

/** A training, and its state after each step as a file has it. */
async function statesOf(device: Device, options: FitOptions, members = 2): Promise<[FitResult, Checkpoint[]]> {
  const states: Checkpoint[] = [];
  const save = (checkpoint: Checkpoint): void =>
    void states.push(decodeCheckpoint(encodeCheckpoint({ network: net, members, checkpoint }), "state").checkpoint);
  using model = await createModel(net, { device, members, seed: 1 });
  const result = await model.fit(data, { ...options, checkpoint: { interval: { steps: 1 }, save } });
  if (model.checkpoint!.step > states.at(-1)!.step) states.push(structuredClone(model.checkpoint!));
  expect(untimed(model.history!)).toEqual(untimed(result.history));
  return [result, states];
}

const settings: [string, FitOptions][] = [
  ["by epochs", {}],
  ["with metrics", { metrics: ["f1", "confusionMatrix"], epochs: 4 }],
  ["every four steps", { logInterval: { steps: 4 } }],
  ["without validation rows", { validation: undefined as never, logInterval: { epochs: 2 } }],
  [
    "with averages, early stopping and reduced rates",
    { average: ema(0.7), earlyStopping: { patience: 2 }, reduceOnPlateau: { patience: 0 } },
  ],
];

test.each(places.flatMap((place) => settings.map(([name, own]) => [place[0], name, place, own] as const)))(
  "%s, %s: resumed after any step it has the history of an undisturbed training",
  async (_, __, [, device, every], own) => {
    const options = { ...shared, ...own };
    if (options.validation === undefined) delete (options as { validation?: unknown }).validation;
    const [whole, states] = await statesOf(device(), options);
    const wanted = untimed(whole.history);
    expect(wanted.entries.length).toBeGreaterThan(2);
    const steps = wanted.entries.map(({ step }) => step);
    const chosen = states.filter(({ step }) => step % every === 0 || steps.includes(step));
    for (const resume of chosen) {
      using second = await createModel(net, { device: device(), members: 2 });
      const result = await second.fit(data, { ...options, resume });
      expect([resume.step, untimed(result.history)]).toEqual([resume.step, wanted]);
      expect([result.steps, result.loss, result.validation]).toEqual([whole.steps, whole.loss, whole.validation]);
      const times = result.history.entries.map(({ elapsedMs }) => elapsedMs);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    }
  },
);

test("what is iterated over has entries on epochs, however it is reported", async () => {
  const options: TrainOptions = { ...shared, logInterval: { steps: 1 } };
  using model = await createModel(net, { device: reference, seed: 1 });
  for await (const { step } of model.train(data, options)) {
    const { loss, entries } = model.history!;
    expect(loss).toHaveLength(Math.ceil(step / perEpoch));
    expect(entries.map((entry) => entry.step)).toEqual([5, 10, 15, 20, 25, 30, 35].filter((own) => own <= step));
  }
  for await (const _ of model.train(data, { ...shared, logInterval: { ms: 0 } }));
  expect(model.history!.entries).toEqual([]);
  expect(model.history!.loss).toHaveLength(7);
});

test.each(places)("%s: a training interrupted at its last step ends as an uninterrupted one", async (_, device) => {
  for (const own of [
    {},
    { average: ema(0.7) },
    { earlyStopping: { patience: 5 } },
    { earlyStopping: { patience: 5 }, average: ema(0.7) },
  ]) {
    const options = { ...shared, ...own, perMember: { learningRate: [0.05, 0.3] } };
    using whole = await createModel(net, { device: device(), members: 2, seed: 1 });
    const states: Checkpoint[] = [];
    const save = (state: Checkpoint): void => void states.push(structuredClone(state));
    const wanted = await whole.fit(data, { ...options, checkpoint: { interval: { steps: 35 }, save } });
    const [resume] = states;
    expect(resume!.step).toBe(35);
    using second = await createModel(net, { device: device(), members: 2 });
    const result = await second.fit(data, { ...options, resume: resume! });
    expect(await second.readParameters()).toEqual(await whole.readParameters());
    expect([result.steps, result.loss, result.validation]).toEqual([35, wanted.loss, wanted.validation]);
    expect(untimed(result.history)).toEqual(untimed(wanted.history));
    expect(result.earlyStopping?.bestSteps).toEqual(wanted.earlyStopping?.bestSteps);
    if (own.earlyStopping) expect(result.results).toEqual(wanted.results);
  }
});

test("a checkpoint without a history resumes with a history from there; one with a different history is refused", async () => {
  const [whole, states] = await statesOf(reference, shared, 1);
  const state = states[11]!; // two steps into the third epoch
  expect(state.step).toBe(12);
  using second = await createModel(net, { device: reference });
  const { history } = await second.fit(data, { ...shared, resume: { ...state, trainer: undefined } });
  expect(history.loss.slice(1)).toEqual(whole.history.loss.slice(3));
  expect(history.entries.map(({ step }) => step)).toEqual([15, 20, 25, 30, 35]);
  const other = { ...state.trainer!.history!, counts: new Float64Array(1) };
  await expect(second.fit(data, { ...shared, resume: { ...state, trainer: { history: other } } })).rejects.toThrow(
    /^train: resume: history.counts: expected 2 values, got 1 values/,
  );
  const broken = { ...state.trainer!.history!, entries: undefined as never };
  await expect(second.fit(data, { ...shared, resume: { ...state, trainer: { history: broken } } })).rejects.toThrow(
    /^train: resume: history: expected the history of a checkpoint/,
  );
});

test("a GPU that is lost leaves no gap in the history and repeats nothing", async () => {
  using whole = await createModel(net, { device: gpu(), seed: 1 });
  const { history } = await whole.fit(data, shared);
  const device = await openDevice();
  const model = await createModel(net, { device, seed: 1 });
  const lost = await model.fit(data, {
    ...shared,
    onEpoch: ({ epoch }) => {
      if (epoch === 3) (model.device as GpuDevice).gpu.destroy();
    },
  });
  expect(lost.recoveries).toHaveLength(1);
  expect(untimed(lost.history)).toEqual(untimed(history));
  model.dispose();
  device.dispose();
});

test.each(places)("%s: steps continue from parameters that are written between two events", async (_, device) => {
  const options: TrainOptions = { ...shared, logInterval: { epochs: 1 } };
  const given = (parameters: ArrayLike<number>): Float64Array =>
    Float64Array.from(parameters, (value) => Math.fround(value * 0.5));
  using model = await createModel(net, { device: device(), seed: 1 });
  let resume: Checkpoint | undefined;
  for await (const { step } of model.train(data, options)) {
    if (step !== 10) continue;
    resume = model.checkpoint!;
    model.writeParameters(given(await model.readParameters()));
  }
  using wanted = await createModel(net, { device: device(), seed: 1 });
  const parameters = Float64Array.from(given(resume!.parameters));
  const own = device().kind === "reference" ? parameters : Float32Array.from(parameters);
  await wanted.fit(data, { ...options, resume: { ...resume!, parameters: own } });
  expect(await model.readParameters()).toEqual(await wanted.readParameters());
});

test("written parameters outlive a lost GPU, are no part of averages, and reach packed members that continue", async () => {
  const half = (values: ArrayLike<number>): Float32Array => Float32Array.from(values, (value) => value / 2);
  const run = async (
    device: Device,
    options: TrainOptions,
    more: (step: number, device: GpuDevice) => void,
    members = 1,
  ) => {
    using model = await createModel(net, { device, members, seed: 1 });
    for await (const { step } of model.train(data, { ...options, logInterval: { epochs: 1 } })) {
      if (step === 10) model.writeParameters(half(await model.readParameters()));
      more(step, model.device as GpuDevice);
    }
    return model.readParameters();
  };
  const device = await openDevice();
  const lost = await run(device, shared, (step, own) => void (step === 10 && own.gpu.destroy()));
  expect(lost).toEqual(await run(gpu(), shared, () => {}));
  device.dispose();

  const averaged = { ...shared, average: ema(0.7) };
  using untouched = await createModel(net, { device: wasm, seed: 1 });
  await untouched.fit(data, averaged);
  expect(await run(wasm, averaged, () => {})).toEqual(await untouched.readParameters());

  // Members are judged by what they had, before and after another device takes over.
  const judged = { ...shared, earlyStopping: { patience: 3 }, reduceOnPlateau: { patience: 0 } };
  const third = await openDevice();
  const again = await run(third, judged, (step, own) => void (step === 10 && own.gpu.destroy()), 2);
  expect(again).toEqual(await run(gpu(), judged, () => {}, 2));
  third.dispose();

  // Three of four members leave at steps 4 and 8, and are packed away; what is written then is for the one that goes on.
  const halving = { halving: { factor: 2, minSteps: 4 }, optimizer: sgd({ learningRate: 0.1 }), epochs: 4 };
  const packed = await run(reference, { ...shared, ...halving }, () => {}, 4);
  using plain = await createModel(net, { device: reference, members: 4, seed: 1 });
  const { halving: result } = await plain.fit(data, { ...shared, ...halving });
  const winner = result!.stoppedSteps.indexOf(-1);
  const width = net.parameterCount;
  const before = await plain.readParameters();
  for (let member = 0; member < 4; member++) {
    const of = (all: typeof before) => all.slice(member * width, (member + 1) * width);
    if (member === winner || result!.stoppedSteps[member]! > 10) expect(of(packed)).not.toEqual(of(before));
    else expect(of(packed)).toEqual(of(before));
  }
});

test("a model that is disposed while it trains throws", async () => {
  for (const [, device] of places) {
    const model = await createModel(net, { device: device(), seed: 1 });
    const training = model.fit(data, { ...shared, epochs: 100_000 });
    setTimeout(() => model.dispose(), 20);
    await expect(training).rejects.toMatchObject({
      code: "DISPOSED",
      message: expect.stringMatching(
        /^model: expected no dispose\(\) before .*, got dispose\(\); abort the training with its signal/,
      ),
    });
    if (device() instanceof GpuDevice)
      await expect.poll(() => (device() as GpuDevice).ledger, { timeout: 20_000 }).toEqual({ buffers: 0, bytes: 0 });
  }
});
