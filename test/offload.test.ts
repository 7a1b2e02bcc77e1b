// A GPU offloads a tiny network to WebAssembly. SwiftShader poses as hardware here: what is tested is who computes, not how fast.

import { expect, test, vi } from "vitest";
import { isFasterInWasm } from "../src/backend/offload.ts";
import { WasmDevice } from "../src/backend/wasm/device.ts";
import { WasmExecutor } from "../src/backend/wasm/executor.ts";
import { type GpuDevice, ownerOf } from "../src/backend/webgpu/device.ts";
import { acquire, adam, createModel, dense, LimitExceeded, network, sgd } from "../src/index.ts";
import { expectClose } from "./support/expectClose.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const shared = shareDevice();

/** A device as `acquire()` finds it where there is hardware. */
async function openHardware({ isRequired = false } = {}): Promise<GpuDevice> {
  const found = await ownerOf(shared().gpu, { isOwned: false, isRequired, maxBufferBytes: undefined });
  return Object.assign(found, { kind: "gpu" });
}

const tiny = network({
  inputs: 2,
  layers: [dense(2, "sigmoid"), dense(2, "sigmoid"), dense(1, "sigmoid")],
  loss: "squaredError",
});
const rowsOf = (rows: number) => ({
  inputs: Float32Array.from({ length: 2 * rows }, (_, at) => Math.sin(at)),
  targets: Float32Array.from({ length: rows }, (_, at) => Math.cos(at) ** 2),
});
const data = rowsOf(4);
const options = { optimizer: adam({ learningRate: 0.05 }), batchSize: 4, seed: 3 };

/** Parameters after a training on a device from its first step to its last. */
async function trained(device: Awaited<ReturnType<typeof acquire>>, steps: number, strategy?: "layered") {
  using model = await createModel(tiny, { device, seed: 1 });
  await model.fit(data, { ...options, steps, ...(strategy && { strategy }) });
  return model.readParameters();
}

test("WebAssembly is taken where a step takes less time, with what compiling costs over 10,000 steps", () => {
  expect(isFasterInWasm(0.0013, 0.0003)).toBe(true);
  expect(isFasterInWasm(0.01, 0.01)).toBe(true); // it compiles sooner
  expect(isFasterInWasm(0.01, 0.0134)).toBe(true);
  expect(isFasterInWasm(0.01, 0.0136)).toBe(false);
  expect(isFasterInWasm(0.006, 0.02)).toBe(false);
});

test("a tiny network trains in WebAssembly, with its bits, and the plan says so", async () => {
  const device = await openHardware();
  using model = await createModel(tiny, { device, seed: 1 });
  const plan = await model.plan(data, { ...options, steps: 20 });
  expect(plan).toMatchObject({ machine: "wasm", strategy: "samples" });
  expect(plan.reason).toMatch(
    /^WebAssembly SIMD, .* one thread; about .*; faster than the GPU, which takes about .* ms per step/,
  );
  await model.fit(data, { ...options, steps: 20 });
  const wasm = await acquire({ device: "wasm" });
  const expected = await trained(wasm, 20);
  expect(await model.readParameters()).toEqual(expected);
  using alike = await createModel(tiny, { device: wasm, parameters: expected });
  expect(await model.predict(data.inputs)).toEqual(await alike.predict(data.inputs));
  expect(await model.evaluate(data)).toEqual(await alike.evaluate(data));
  wasm.dispose();
  device.dispose();
});

test("a large batch, or a strategy that is requested, computes on the GPU; the parameters move with the run", async () => {
  const device = await openHardware();
  using model = await createModel(tiny, { device, seed: 1 });
  const many = rowsOf(8192);
  expect((await model.plan(many, { optimizer: sgd(), batchSize: 8192 })).machine).toBe("gpu");
  expect((await model.plan(data, { ...options, strategy: "layered" })).machine).toBe("gpu");
  expect((await model.plan(data, { ...options, activationStorage: "f16" })).machine).toBe("gpu");
  await model.fit(data, { ...options, steps: 10 });
  const half = model.checkpoint!;
  await model.fit(data, { ...options, steps: 20, strategy: "layered", resume: half });
  using onGpu = await createModel(tiny, { device: shared(), parameters: half.parameters });
  await onGpu.fit(data, { ...options, steps: 20, strategy: "layered", resume: half });
  const moved = await model.readParameters();
  expect(moved).toEqual(await onGpu.readParameters());
  const reference = await acquire({ device: "reference" });
  expectClose("parameters", moved, await trained(reference, 20), 1e-5);
  await model.fit(data, { ...options, steps: 30, resume: model.checkpoint! }); // and back
  expectClose("parameters", await model.readParameters(), await trained(reference, 30), 1e-5);
  device.dispose();
});

test("a training that is resumed computes where the whole one does, with the same bits", async () => {
  const device = await openHardware();
  const whole = await trained(device, 40);
  using model = await createModel(tiny, { device, seed: 1 });
  await model.fit(data, { ...options, steps: 15 });
  await model.fit(data, { ...options, steps: 40, resume: model.checkpoint! });
  expect(await model.readParameters()).toEqual(whole);
  device.dispose();
});

test.each([
  ["a GPU that was asked for", true, tiny, 1],
  ["several members", false, tiny, 2],
  ["a larger network", false, network({ inputs: 32, layers: [dense(32), dense(1)], loss: "huber" }), 1],
] as const)("%s: nothing is offloaded", async (_, isRequired, net, members) => {
  const device = await openHardware({ isRequired });
  using model = await createModel(net, { device, members });
  const rows = { inputs: new Float32Array(4 * net.inputs), targets: new Float32Array(4) };
  expect((await model.plan(rows, { optimizer: sgd(), batchSize: 4 })).machine).toBe("gpu");
  device.dispose();
});

test("models free both machines, and the device ends WebAssembly with it", async () => {
  const ended: WasmDevice[] = [];
  const dispose = vi.spyOn(WasmDevice.prototype, "dispose").mockImplementation(function (this: WasmDevice) {
    ended.push(this);
    void this.pool.dispose();
  });
  const device = await openHardware();
  const models = [await createModel(tiny, { device }), await createModel(tiny, { device })];
  for (const model of models) await model.fit(data, { ...options, steps: 2 });
  for (const model of models) model.dispose();
  expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
  expect(ended).toEqual([]);
  device.dispose();
  expect(ended.length).toBe(1); // one for all models
  expect(ended[0]!.ledger).toEqual({ buffers: 0, bytes: 0 });
  await ended[0]!.pool.whenIdle();
  await expect.poll(() => ended[0]!.heap.usedBytes).toBe(0);
  dispose.mockRestore();
});

test("data that fit the GPU but not the memory of WebAssembly train on the GPU", async () => {
  const device = await openHardware();
  using model = await createModel(tiny, { device, seed: 1 });
  const tooMuch = new LimitExceeded({ place: "data", expected: "less", got: "more", fix: "take less" });
  const spy = vi.spyOn(WasmExecutor.prototype, "createRun").mockRejectedValue(tooMuch);
  try {
    await model.fit(data, { ...options, steps: 20 });
  } finally {
    spy.mockRestore();
  }
  const expected = await trained(await openHardware({ isRequired: true }), 20);
  expect(await model.readParameters()).toEqual(expected);
});
