// A training whose device is lost goes on, with the bits that it would have had.

import { afterEach, expect, test } from "vitest";
import type { GpuDevice } from "../src/backend/webgpu/device.ts";
import { hasThreads } from "../src/backend/wasm/workerHost.ts";
import {
  acquire,
  adam,
  createModel,
  type Dataset,
  dense,
  type FloatArray,
  type Model,
  network,
  type TrainOptions,
} from "../src/index.ts";
import { patienceMs } from "../src/backend/waits.ts";
import { largestDifference } from "./support/compare.ts";
import { openDevice } from "./support/kernelRun.ts";
import { neverSettle, refusePipelines, restoreCalls } from "./support/gpuFaults.ts";
import { shareDevice } from "./support/sharedDevice.ts";
import { withWorkers } from "./support/workers.ts";

const shared = shareDevice();
const net = network({ inputs: 2, layers: [dense(6, "tanh"), dense(1)], loss: "meanSquaredError" });
const data: Dataset = {
  inputs: Float32Array.from({ length: 64 }, (_, at) => Math.sin(at * 1.7)),
  targets: Float32Array.from({ length: 32 }, (_, row) => Math.sin(row * 3.4)),
};
const options: TrainOptions = { optimizer: adam({ learningRate: 0.02 }), batchSize: 8, steps: 60, seed: 4 };
const logInterval = { steps: 10 };
const none = { buffers: 0, bytes: 0 };

afterEach(restoreCalls);

let undisturbed: Promise<FloatArray> | undefined;
/** Parameters after a training in which nothing happens. */
async function wanted(): Promise<FloatArray> {
  undisturbed ??= (async () => {
    using model = await createModel(net, { device: shared(), seed: 1 });
    await model.fit(data, options);
    return model.readParameters();
  })();
  return undisturbed;
}

const lose = (model: Model): void => (model.device as GpuDevice).gpu.destroy();

test.each([0, 10, 40, 60])("a GPU lost at step %d: the same bits, and it is reported", async (at) => {
  const device = await openDevice();
  const losses: string[] = [];
  const model = await createModel(net, { device, seed: 1, onLost: (why) => losses.push(why) });
  const steps: number[] = [];
  const told = [];
  if (at === 0) lose(model);
  for await (const event of model.train(data, { ...options, logInterval })) {
    steps.push(event.step);
    expect(event.losses).toHaveLength(10);
    if (event.recovered) told.push(event.recovered);
    if (event.step === at) lose(model);
  }
  expect(steps).toEqual([10, 20, 30, 40, 50, 60]);
  expect(await model.readParameters()).toEqual(await wanted());
  expect(model.results!.finalLosses[0]).toBeGreaterThan(0);
  const isInTraining = at === 10 || at === 40; // before the first step and behind the last one nothing has to be repeated
  expect(losses).toEqual([expect.stringMatching(/^destroyed/)]);
  expect(told).toMatchObject(isInTraining ? [{ step: at, device: device.name, ms: expect.any(Number) }] : []);
  expect(model.device).not.toBe(device);
  expect(model.device.kind).toBe(device.kind);
  const second = model.device;
  model.dispose();
  expect([device.ledger, second.ledger]).toEqual([none, none]);
  device.dispose();
  expect(second.isDisposed).toBe(true);
});

test("lost while the model predicts between two events: the same bits, and it is reported", async () => {
  const device = await openDevice();
  const model = await createModel(net, { device, seed: 1 });
  const told = [];
  for await (const event of model.train(data, { ...options, logInterval })) {
    if (event.recovered) told.push(event.recovered);
    if (event.step !== 20) continue;
    lose(model);
    expect(await model.predict(data.inputs)).toHaveLength(32); // the run of the training is freed by it
  }
  expect(await model.readParameters()).toEqual(await wanted());
  expect(told).toMatchObject([{ step: 20, why: expect.stringMatching(/^destroyed/) }]);
  model.dispose();
  device.dispose();
});

test("lost again and again, a training comes further with each event", async () => {
  const device = await openDevice();
  const model = await createModel(net, { device, seed: 1 });
  const { recoveries, history } = await (async () => {
    const result = model.train(data, { ...options, logInterval });
    let count = 0;
    const all = [];
    for await (const event of result) {
      all.push(...event.losses);
      if (event.recovered) count++;
      lose(model);
    }
    return { recoveries: count, history: all };
  })();
  expect([recoveries, history.length]).toEqual([5, 60]);
  expect(await model.readParameters()).toEqual(await wanted());
  model.dispose();
  device.dispose();
});

test("where no adapter comes back the CPU takes over within two seconds, and training ends there", async () => {
  const { gpu } = navigator;
  const device = (await acquire({ gpu, device: shared().kind as "software" })) as GpuDevice;
  const told: string[] = [];
  const model = await createModel(net, { device, seed: 1, onLost: (why) => told.push(why) });
  const prototype = Object.getPrototypeOf(gpu) as GPU;
  const { requestAdapter } = prototype;
  try {
    prototype.requestAdapter = async () => null;
    device.gpu.destroy();
    const { loss } = await model.fit(data, options);
    expect(loss).toBeLessThan(1);
  } finally {
    prototype.requestAdapter = requestAdapter;
  }
  expect(model.device.kind).toMatch(/wasm|reference/);
  expect(model.device.fallbackReason).toMatch(/was lost \(destroyed.*\).*no adapter.*the browser blocks it/);
  expect(told).toHaveLength(1);
  model.dispose();
  device.dispose();
});

test("a device that was passed in is opened again by its function, or the CPU says why not", async () => {
  const adapter = () => navigator.gpu.requestAdapter();
  const opened: GPUDevice[] = [];
  const open = async (): Promise<GPUDevice> => {
    opened.push(await (await adapter())!.requestDevice());
    return opened.at(-1)!;
  };
  for (const gpuDevice of [open, await open()]) {
    const device = await acquire({ gpuDevice });
    const model = await createModel(net, { device, seed: 1 });
    lose(model);
    await model.fit(data, { ...options, steps: 3 });
    if (gpuDevice === open) expect(model.device.kind).toBe(device.kind);
    else expect(model.device.fallbackReason).toMatch(/passed as gpuDevice.*function/);
    model.dispose();
    device.dispose();
  }
  for (const gpu of opened) gpu.destroy();
});

test("a model of a lost device predicts, and others are created, on the one that took its place", async () => {
  const device = await openDevice();
  const model = await createModel(net, { device, seed: 1 });
  const before = await model.predict(data.inputs);
  device.gpu.destroy();
  expect(await model.predict(data.inputs)).toEqual(before);
  const other = await createModel(net, { device, seed: 1 });
  expect(other.device).toBe(model.device); // one for all
  expect(await other.predict(data.inputs)).toEqual(before);
  for (const each of [model, other, device]) each.dispose();
});

test("what was disposed is not opened again", async () => {
  const device = await openDevice();
  const model = await createModel(net, { device, seed: 1 });
  const training = model.train(data, { ...options, logInterval });
  await training.next();
  device.dispose();
  await expect(training.next()).rejects.toMatchObject({ code: "GPU_LOST" });
  await expect(model.predict(data.inputs)).rejects.toMatchObject({ code: "GPU_LOST" });
  expect(model.checkpoint).toMatchObject({ step: 10 });
  model.dispose();
});

test.runIf(hasThreads())("a lost thread is started again in the middle of a training", () =>
  withWorkers(async (workers) => {
    const device = await acquire({ device: "wasm" });
    const wide = network({ inputs: 2, layers: [dense(64, "tanh"), dense(1)], loss: "meanSquaredError" });
    const bits: FloatArray[] = [];
    for (const crashes of [false, true]) {
      const model = await createModel(wide, { device, seed: 1 });
      for await (const { step } of model.train(data, { ...options, logInterval })) {
        if (!crashes || step !== 20) continue;
        workers[0]!.crash();
        await new Promise((resolve) => setTimeout(resolve, 300)); // the news of it
      }
      bits.push(await model.readParameters());
      if (crashes) expect(model.device).not.toBe(device);
      model.dispose();
    }
    expect(bits[1]).toEqual(bits[0]);
    device.dispose();
  }),
);

test("a GPU that answers nothing is a lost one", async () => {
  const device = await openDevice();
  const model = await createModel(net, { device, seed: 1 });
  const training = model.train(data, { ...options, logInterval });
  await training.next();
  device.patienceMs = 500;
  neverSettle("onSubmittedWorkDone", 1);
  const { value } = await training.next();
  expect(value!.recovered).toMatchObject({ step: 10, why: expect.stringContaining("not answered for 0.5 s") });
  while (!(await training.next()).done);
  expect(await model.readParameters()).toEqual(await wanted());
  model.dispose();
  device.dispose();
});

test("a GPU that answers nothing, opened again, gives way to the CPU when it says nothing once more", async () => {
  const { software, gpu } = patienceMs.again;
  Object.assign(patienceMs.again, { software: 1000, gpu: 1000 });
  try {
    const told: string[] = [];
    const device = await openDevice();
    const model = await createModel(net, { device, seed: 1, onLost: (why) => told.push(why) });
    const training = model.train(data, { ...options, logInterval });
    await training.next();
    device.patienceMs = 500;
    neverSettle("onSubmittedWorkDone");
    const { value } = await training.next();
    expect(value!.recovered).toMatchObject({ step: 10 });
    expect(told).toEqual(["it has not answered for 0.5 s", "it has not answered for 1 s"]);
    expect(model.device.kind).toBe("wasm");
    while (!(await training.next()).done);
    expect(largestDifference(await model.readParameters(), await wanted())).toBeLessThan(1e-5);
    restoreCalls();
    model.dispose();
    device.dispose();
  } finally {
    Object.assign(patienceMs.again, { software, gpu });
  }
});

test.each(["abort", "dispose"])("%s ends a training whose GPU answers nothing", async (how) => {
  const device = await openDevice();
  const model = await createModel(net, { device, seed: 1, recover: false });
  const stop = new AbortController();
  const training = model.train(data, { ...options, logInterval, signal: stop.signal });
  await training.next();
  neverSettle("onSubmittedWorkDone");
  const next = training.next();
  setTimeout(() => (how === "abort" ? stop.abort(new Error("enough")) : model.dispose()), 50);
  await expect(next).rejects.toMatchObject(how === "abort" ? { message: "enough" } : { code: "DISPOSED" });
  restoreCalls();
  expect(device.ledger.buffers).toBe(how === "abort" ? 1 : 0); // the parameters are the model's
  model.dispose();
  device.dispose();
});

test("another's errors on a shared device are none of ours", async () => {
  const device = shared();
  const model = await createModel(net, { device, seed: 1 });
  device.gpu.addEventListener("uncapturederror", (event) => event.preventDefault(), { once: true });
  device.gpu.createBuffer({ size: 4, usage: 0 }); // the application's own mistake
  await device.gpu.queue.onSubmittedWorkDone();
  await model.fit(data, options);
  expect(await model.readParameters()).toEqual(await wanted());
  model.dispose();
});

test("where the driver refuses a strategy another is taken, then the plain variants, then the CPU", async () => {
  const device = await openDevice();
  refusePipelines(/train/);
  const model = await createModel(net, { device, seed: 1 });
  const before = await model.plan(data, options);
  expect(before.strategy).not.toBe("layered");
  await model.fit(data, { ...options, steps: 3 });
  const plan = await model.plan(data, options);
  expect(plan.strategy).toBe("layered");
  expect(before.summary).toMatch(/^one (thread|workgroup|subgroup) per [a-z ]+, fastest by estimate$/);
  expect(plan.summary).toMatch(/^layer by layer, the only one possible; the driver refused [a-z]+(, [a-z]+)*$/);
  expect(plan.reason).toContain(`; the driver refused ${before.strategy}: `);
  const asked = { ...options, steps: 3, strategy: before.strategy as "tiles" };
  await expect(model.fit(data, asked)).rejects.toThrow(/kernel train.*does not like it/);
  refusePipelines(/Tiled|Quads/);
  const wide = network({ inputs: 64, layers: [dense(64, "tanh"), dense(64)], loss: "meanSquaredError" });
  const rows = { inputs: new Float32Array(64 * 64), targets: new Float32Array(64 * 64) };
  const other = await createModel(wide, { device, seed: 1 });
  const tiled = { ...options, batchSize: 64, steps: 1, strategy: "layered" } as const;
  expect((await other.plan(rows, tiled)).kernels[0]).toMatch(/forward(Tiled|Quads)/);
  await other.fit(rows, tiled);
  expect((await other.plan(rows, tiled)).kernels[0]).toBe("forward");
  refusePipelines(/./);
  const third = await createModel(net, { device, seed: 1 });
  const { recoveries } = await third.fit(data, { ...options, optimizer: adam({ learningRate: 0.01 }), steps: 3 });
  expect(recoveries).toEqual([]); // nothing had begun
  expect(third.device.kind).toMatch(/wasm|reference/);
  for (const each of [model, other, third, device]) each.dispose();
});
