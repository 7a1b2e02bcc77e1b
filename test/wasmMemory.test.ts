// What training on WebAssembly takes of memory, of compiled modules and of its caller's time.

import { afterAll, expect, test, vi } from "vitest";
import type { RunSettings } from "../src/backend/executor.ts";
import { WasmDevice } from "../src/backend/wasm/device.ts";
import { WasmExecutor } from "../src/backend/wasm/executor.ts";
import { Heap } from "../src/backend/wasm/heap.ts";
import { adam, type AnyNetwork, createModel, dense, dropout, network, sgd } from "../src/index.ts";
import { nextTask } from "../src/nextTask.ts";
import { graphData, graphParameters } from "./support/graphs.ts";
import { testInFull } from "./support/share.ts";

const device = await WasmDevice.open("", 1);
afterAll(() => device.pool.dispose());

const small = network({ inputs: 3, layers: [dense(6, "tanh"), dense(2)], loss: "softmaxCrossEntropy" });
const wide = network({ inputs: 13, layers: [dense(70, "tanh"), dense(33, "gelu"), dense(3)], loss: "squaredError" });
const dropped = network({ inputs: 3, loss: "squaredError" }, (x) => x.pipe(dense(37, "silu"), dropout(0.2), dense(2)));

interface Taken {
  readonly net: AnyNetwork;
  readonly members: number;
  readonly rows: number;
  readonly batchSize: number;
  readonly settings?: Partial<RunSettings>;
}

const seed = [3, 1, 4, 1, 5];
const taken: readonly (Taken & { readonly name: string })[] = [
  { name: "samples of all rows", net: small, members: 1, rows: 70, batchSize: 70 },
  { name: "samples of drawn rows", net: small, members: 1, rows: 3000, batchSize: 2500 },
  { name: "members", net: small, members: 5, rows: 40, batchSize: 7 },
  { name: "members of own rows", net: small, members: 5, rows: 40, batchSize: 7, settings: { perMember: { seed } } },
  { name: "slices with packed weights", net: wide, members: 1, rows: 300, batchSize: 150 },
  { name: "members layer by layer", net: wide, members: 5, rows: 30, batchSize: 9, settings: { perMember: { seed } } },
  { name: "dropout", net: dropped, members: 2, rows: 30, batchSize: 30 },
];

test.each(taken)("plan() counts what a run takes: $name", async ({ net, members, rows, batchSize, settings }) => {
  const data = graphData(net, rows, 1);
  const own: RunSettings = {
    data,
    optimizer: adam({ learningRate: 0.01 }),
    batchSize,
    shuffle: true,
    seed: 1,
    ...settings,
  };
  const before = device.heap.usedBytes;
  const executor = new WasmExecutor(device, net, members);
  executor.writeParameters(graphParameters(net, 1, members));
  const { bytes, chunkRows } = await executor.planRun(own);
  const run = await executor.createRun(own);
  expect(bytes).toBe(device.heap.usedBytes - before);
  expect(chunkRows).toBe(batchSize);
  run.dispose();
  executor.dispose();
  await device.pool.whenIdle();
  await Promise.resolve();
  expect(device.heap.usedBytes).toBe(before);
});

test("rows of a chunk are fewer than those of a batch that memory does not hold at once", async () => {
  const net = network({ inputs: 2, layers: [dense(4000, "relu"), dense(1)], loss: "squaredError" });
  const data = { inputs: new Float32Array(2 * 20_000), targets: new Float32Array(20_000) };
  const executor = new WasmExecutor(device, net, 1);
  const { chunkRows } = await executor.planRun({
    data,
    optimizer: sgd({ learningRate: 1 }),
    batchSize: 20_000,
    shuffle: false,
    seed: 0,
  });
  expect(chunkRows).toBeLessThan(20_000);
  expect(chunkRows).toBeGreaterThan(500);
  executor.dispose();
});

testInFull("a thousand networks that came and went leave no memory and few modules", async () => {
  const before = device.heap.usedBytes;
  const sizes: number[] = [];
  for (let number = 0; number < 1000; number++) {
    const net = network({ inputs: 2, layers: [dense(1 + (number % 3), "tanh"), dense(1)], loss: "squaredError" });
    const model = await createModel(net, { device, seed: number });
    const data = { inputs: new Float32Array(8).fill(0.5), targets: new Float32Array(4) };
    await model.fit(data, { optimizer: sgd({ learningRate: 0.1 }), steps: 2 });
    model.dispose();
    if (number % 100 === 99) sizes.push(device.heap.memory.buffer.byteLength);
  }
  await device.pool.whenIdle();
  expect(device.heap.usedBytes).toBe(before);
  expect(new Set(sizes).size).toBe(1);
  expect(device.kernels.size).toBeLessThanOrEqual(32);
  const lease = await device.kernels.take([{}], () => ({
    bytes: new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]),
    names: ["none"],
  }));
  expect(lease.kernelOf("none").index).toBeLessThan(40 * 5); // numbers of kernels are used again
  lease.release();
});

test("gaps of a heap are used again, whatever the order in which they came", () => {
  const heap = new Heap({ isShared: false });
  const random = (() => {
    let state = 1;
    return (most: number): number => (state = (state * 16_807) % 2_147_483_647) % most;
  })();
  const blocks = new Map<number, number>();
  let most = 0;
  for (let round = 0; round < 20_000; round++) {
    if (blocks.size > 200 || (blocks.size > 0 && random(2) === 0)) {
      const address = [...blocks.keys()][random(blocks.size)]!;
      expect(heap.words(address, 1)[0]).toBe(blocks.get(address));
      blocks.delete(address);
      heap.release(address);
    } else {
      const address = heap.allocate(4 + random(5000));
      expect(address % 64).toBe(0);
      heap.words(address, 1)[0] = round;
      blocks.set(address, round);
    }
    most = Math.max(most, heap.usedBytes);
  }
  expect(heap.memory.buffer.byteLength).toBeLessThan(3 * most);
  for (const address of blocks.keys()) heap.release(address);
  expect(heap.usedBytes).toBe(0);
  const whole = heap.memory.buffer.byteLength;
  heap.release(heap.allocate(whole - 256));
  expect(heap.memory.buffer.byteLength).toBe(whole); // all gaps have become one
});

test("the caller's other tasks have their turns within a step, and its bits do not change", async () => {
  const data = graphData(wide, 640, 1);
  const train = async (): Promise<{ parameters: ArrayLike<number>; turns: number }> => {
    using model = await createModel(wide, { device, parameters: graphParameters(wide, 1, 1) });
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns++;
      if (!isOver) void nextTask().then(count);
    };
    count();
    await model.fit(data, { optimizer: sgd({ learningRate: 0.01 }), steps: 1, batchSize: 640 });
    isOver = true;
    return { parameters: await model.readParameters(), turns };
  };
  const usual = await train();
  let nowMs = performance.now();
  // Every item seems to take half a second.
  const clock = vi.spyOn(performance, "now").mockImplementation(() => (nowMs += 500));
  try {
    const slow = await train();
    expect(slow.parameters).toEqual(usual.parameters);
    expect(slow.turns).toBeGreaterThanOrEqual(10); // slices of the batch alone are as many
  } finally {
    clock.mockRestore();
  }
});

test("what is read or predicted while a step is under way is of whole steps", async () => {
  // More parameters than one item updates.
  const layers = [dense(70, "tanh"), dense(120, "gelu"), dense(3)];
  const net = network({ inputs: 13, layers, loss: "squaredError" });
  const data = graphData(net, 640, 1);
  const rows = data.inputs.subarray(0, 13 * 5);
  const settings = { data, optimizer: sgd({ learningRate: 0.1 }), batchSize: 640, shuffle: false, seed: 1 };
  const open = async () => {
    const executor = new WasmExecutor(device, net, 1);
    executor.writeParameters(graphParameters(net, 1, 1));
    return { executor, run: await executor.createRun(settings) };
  };
  const stateOf = async ({ executor }: { executor: WasmExecutor }): Promise<string[]> => [
    (await executor.readParameters()).join(),
    (await executor.predict(rows)).join(),
  ];
  const whole = await open();
  const states = [await stateOf(whole)];
  for (let step = 0; step < 4; step++) {
    await whole.run.execute(step, 1);
    states.push(await stateOf(whole));
  }
  let nowMs = performance.now();
  const clock = vi.spyOn(performance, "now").mockImplementation(() => (nowMs += 500));
  const watched = await open();
  /** @param at which of a state's parts */
  const look = async (at: 0 | 1, read: () => Promise<Float32Array>): Promise<void> => {
    const seen = new Set<string>();
    for (let turn = 0; turn < 200; turn++) {
      seen.add((await read()).join());
      await nextTask();
    }
    expect(seen.size).toBeGreaterThan(1);
    expect([...seen].filter((own) => !states.some((state) => state[at] === own))).toEqual([]);
  };
  try {
    const { executor, run } = watched;
    await Promise.all([
      run.execute(0, 4),
      look(0, () => executor.readParameters()),
      look(1, () => executor.predict(rows)),
    ]);
  } finally {
    clock.mockRestore();
  }
  expect(new Set(states.map(([parameters]) => parameters)).size).toBe(5);
  for (const { run, executor } of [whole, watched]) {
    run.dispose();
    executor.dispose();
  }
});
