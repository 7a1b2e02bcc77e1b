import { expect, test } from "vitest";
import type { RunSettings } from "../src/backend/executor.ts";
import type { GpuDevice } from "../src/backend/webgpu/device.ts";
import { activationNames, adam, createModel, dense, type LossName, network, type Network, sgd } from "../src/index.ts";
import { GpuExecutor } from "../src/backend/webgpu/strategies/executor.ts";
import { countCalls, type Counts } from "./support/gpuCounts.ts";
import { openDevice } from "./support/kernelRun.ts";
import { dataOf, parametersOf } from "./support/nets.ts";
import { narrowed, shareDevice } from "./support/sharedDevice.ts";
import { testInFull, testOf } from "./support/share.ts";

const device = shareDevice();

const netOf = (widths: readonly number[], loss: LossName = "squaredError"): Network =>
  network({ inputs: widths[0]!, layers: widths.slice(1).map((width) => dense(width, "tanh")), loss });

interface Counting {
  readonly on?: GpuDevice;
  readonly net: Network;
  readonly members?: number;
  readonly rows: number;
  readonly settings?: Partial<RunSettings>;
  readonly steps: number;
}

/** Calls made by `steps` steps of a run that exists already. */
async function countSteps({ on = device(), net, members = 1, rows, settings, steps }: Counting): Promise<Counts> {
  const data = dataOf(net, rows, 1);
  const executor = await GpuExecutor.create(on, net, members);
  executor.writeParameters(parametersOf(net, 1, members));
  const run = await executor.createRun({
    data,
    optimizer: sgd(),
    batchSize: rows,
    shuffle: true,
    seed: 1,
    strategy: "layered",
    ...settings,
  });
  try {
    return await countCalls(async () => {
      await run.execute(0, steps);
      await run.finished();
    });
  } finally {
    run.dispose();
    executor.dispose();
  }
}

const nothingCreated = {
  createBuffer: 0,
  createBindGroup: 0,
  createBindGroupLayout: 0,
  createPipelineLayout: 0,
  createShaderModule: 0,
  createComputePipeline: 0,
  createComputePipelineAsync: 0,
  mapAsync: 0,
};

for (const widths of [
  [2, 2, 2, 1],
  [3, 1],
  [1, 33, 2],
  [7, 16, 16, 16, 16, 4],
]) {
  testOf(widths.length === 4)(
    `a step of ${widths.join("-")} takes 3L + 1 dispatches, creates nothing and reads nothing`,
    async () => {
      const net = netOf(widths);
      const counts = await countSteps({ net, rows: 8, steps: 100 });
      expect(counts).toMatchObject({ ...nothingCreated, dispatchWorkgroups: 100 * (3 * net.layers.length + 1) });
      expect(counts.submit).toBeLessThanOrEqual(2);
      expect(counts.writeBuffer).toBe(counts.submit);
    },
  );
}

test("shuffled mini-batches and members cost no more: nothing is copied per step", async () => {
  const net = netOf([5, 9, 3]);
  const settings = { batchSize: 7, optimizer: adam() };
  const counts = await countSteps({ net, rows: 50, members: 5, settings, steps: 100 });
  expect(counts).toMatchObject({ ...nothingCreated, dispatchWorkgroups: 100 * 7 });
  expect(counts.submit).toBeLessThanOrEqual(2);
});

test("1,000 steps of a tiny network fit a few submits", async () => {
  const counts = await countSteps({ net: netOf([2, 2, 2, 1]), rows: 4, steps: 1000 });
  expect(counts).toMatchObject({ ...nothingCreated, dispatchWorkgroups: 10_000 });
  expect(counts.submit).toBeLessThanOrEqual(4);
});

test("a batch in chunks takes 3L dispatches a chunk and one update", async () => {
  const small = await narrowed(device(), 65_536);
  const net = netOf([4, 64, 64, 2]);
  const rows = 600;
  const counts = await countSteps({ on: small, net, rows, members: 2, steps: 10 });
  const chunkRows = 65_536 / (4 * 2 * 64);
  expect(counts).toMatchObject({ ...nothingCreated, dispatchWorkgroups: 10 * (9 * Math.ceil(rows / chunkRows) + 1) });
  expect(small.ledger).toEqual({ buffers: 0, bytes: 0 });
  small.dispose();
});

test("training through the public interface reads only at its events", async () => {
  using model = await createModel(netOf([2, 8, 1]), { device: device() });
  const data = dataOf(model.network, 64, 2);
  const options = { optimizer: sgd(), batchSize: 16, steps: 400, logInterval: { steps: 200 } };
  await model.fit(data, options);
  const counts = await countCalls(async () => void (await model.fit(data, options)));
  // the state before the first step; losses and the state at each of two events; status and last losses for the results
  expect(counts.mapAsync).toBe(1 + 2 * 2 + 2);
  expect(counts.createComputePipelineAsync).toBe(0);
});

const empty = { buffers: 0, bytes: 0 };

test("the ledger is empty after training to the end, an early break, an abort and an error", async () => {
  const net = network({ inputs: 3, layers: [dense(6), dense(2)], loss: "squaredError" });
  const data = dataOf(net, 40, 3);
  const options = { optimizer: sgd(), steps: 50, batchSize: 8, logInterval: { steps: 5 } };
  const model = await createModel(net, { device: device(), members: 2 });
  const own = { ...device().ledger };
  expect(own.buffers).toBe(1);
  await model.fit(data, options);
  expect(device().ledger).toEqual(own);

  for await (const { step } of model.train(data, options)) if (step >= 10) break;
  expect(device().ledger).toEqual(own);

  const controller = new AbortController();
  const aborted = model.fit(data, { ...options, steps: 1e6, signal: controller.signal });
  setTimeout(() => controller.abort(new Error("enough")), 30);
  await expect(aborted).rejects.toThrow("enough");
  expect(device().ledger).toEqual(own);

  await expect(model.fit(data, { ...options, optimizer: sgd({ learningRate: 1e38 }) })).rejects.toMatchObject({
    code: "NON_FINITE",
  });
  expect(device().ledger).toEqual(own);

  await model.predict(data.inputs);
  await model.trace(data, sgd());
  await expect(model.fit({ ...data, inputs: data.inputs.subarray(1) }, options)).rejects.toMatchObject({
    code: "INVALID_INPUT",
  });
  model.dispose();
  model.dispose();
  await Promise.resolve();
  expect(device().ledger).toEqual(empty);
});

test("the ledger is empty after requests that are too large", async () => {
  const small = await openDevice({ maxBufferBytes: 65_536 });
  const tooWide = network({ inputs: 200, layers: [dense(200)], loss: "squaredError" });
  await expect(createModel(tooWide, { device: small })).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  expect(small.ledger).toEqual(empty);
  // moments of 2 · 40,400 bytes do not fit, after other buffers have been made
  const heavy = network({ inputs: 100, layers: [dense(100)], loss: "squaredError" });
  const model = await createModel(heavy, { device: small });
  const data = dataOf(heavy, 10, 1);
  await expect(model.fit(data, { optimizer: adam(), steps: 1 })).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  model.dispose();
  expect(small.ledger).toEqual(empty);
  // the device still tells of refused calls: no scope was left open
  const told = new Promise<string>((resolve) => {
    small.gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      resolve(event.error.message);
    });
  });
  small.gpu.createBuffer({ size: 4, usage: 0xffff });
  small.gpu.queue.submit([]); // Chrome delivers the event with its next flush, and not always before the work is done
  expect(await told).toMatch(/./);
  small.dispose();
});

testInFull("layeredBytes of a plan are the bytes that a run takes", async () => {
  const net = network({ inputs: 5, layers: activationNames.map((name) => dense(4, name)), loss: "meanSquaredError" });
  const data = dataOf(net, 300, 1);
  const executor = await GpuExecutor.create(device(), net, 4);
  const settings = { data, optimizer: adam(), batchSize: 300, shuffle: false, seed: 0, strategy: "layered" } as const;
  const run = await executor.createRun(settings);
  expect((await executor.planRun(settings)).bytes).toBe(device().ledger.bytes);
  run.dispose();
  executor.dispose();
});
