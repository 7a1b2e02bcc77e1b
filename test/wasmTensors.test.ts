// Tensors on WebAssembly SIMD: the same bits for any number of threads, operations in order whoever runs them, and what is left.

import { afterAll, beforeAll, expect, test } from "vitest";
import { WasmDevice } from "../src/backend/wasm/device.ts";
import { type Block, WasmTensorBackend } from "../src/backend/wasm/tensorBackend.ts";
import type { CopyOperation, ReduceOperation } from "../src/backend/tensorBackend.ts";
import { acquire, Disposed } from "../src/index.ts";
import * as t from "../src/tensor.ts";
import { hashOf, roundoff } from "./support/compare.ts";
import { randomFloats } from "./support/random.ts";
import { inputsOn, operationCases, weighted } from "./support/tensorOperations.ts";

/** Runs even the smallest operation by all threads. */
const shareAll = 1;

/** A device and what it has in use when nothing is alive. */
interface Opened {
  readonly device: WasmDevice;
  readonly startBytes: number;
}

async function open(threads: number, leastShared?: number): Promise<Opened> {
  const device = await WasmDevice.open("", threads);
  if (leastShared !== undefined)
    Object.defineProperty(device, "tensorBackend", { value: new WasmTensorBackend(device, leastShared) });
  return { device, startBytes: device.heap.usedBytes };
}

let opened: readonly Opened[];
beforeAll(async () => {
  opened = await Promise.all([open(1), open(2), open(2, shareAll), open(3, shareAll)]);
});
afterAll(async () => {
  for (const { device, startBytes } of opened) {
    expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
    expect(device.heap.usedBytes).toBe(startBytes);
    await device.pool.dispose();
    expect(device.heap.usedBytes).toBe(0);
  }
});

/** Bits that every device computes; they have to be the same. */
async function expectAlike(compute: (device: WasmDevice) => t.Tensor[]): Promise<void> {
  const hashes = opened.map(async ({ device }) => {
    const results = t.tidy(() => compute(device));
    const values = results.map((result) => result.read());
    t.dispose(results); // while what they wait for may not have begun
    return hashOf(...(await Promise.all(values)));
  });
  const [first, ...others] = await Promise.all(hashes);
  for (const other of others) expect(other).toBe(first);
}

test("every operation and its gradients: the same bits, by one thread or by many, at once or later", async () => {
  for (const one of operationCases) {
    await expectAlike((device) => {
      const inputs = inputsOn(device, one);
      const { value, gradient } = t.valueAndGrad((all: t.Tensor[]) => weighted(one.apply(...all)))(inputs);
      return [one.apply(...inputs), value, ...gradient];
    });
  }
});

test("large operations: the same bits for any number of threads", async () => {
  const [rows, columns] = [700, 1203];
  const values = randomFloats(1, rows * columns, 3);
  const functions: ((a: t.Tensor) => t.Tensor)[] = [
    (a) => t.exp(t.multiply(a, t.slice(a, [3], [4]))),
    (a) => t.add(t.slice(t.transpose(a), [0, 5], [-1, 6]), t.tensor(a.device, 2)),
    (a) => t.sum(a),
    (a) => t.sum(a, 0),
    (a) => t.sum(a, 1),
    (a) => t.logSumExp(a),
    (a) => t.logSumExp(a, 0),
    (a) => t.max(t.reshape(a, [350, 2, columns]), [0, 2]),
    (a) => t.softmax(a),
    (a) => t.softmax(a, 0),
    (a) => t.pad(a, [1, 2], [3, 4]),
    (a) => t.matmul(a, a, { transposeB: true }),
    (a) => t.matmul(a, t.slice(a, [0, 0], [rows, 3]), { transposeA: true }),
  ];
  for (const apply of functions) await expectAlike((device) => [apply(t.tensor(device, values, [rows, columns]))]);
});

test("operations that wait: in order, with the values that were there, whatever is freed or read meanwhile", async () => {
  for (const { device } of opened) {
    const size = 2 ** 18;
    const sums: Promise<number>[] = [];
    for (let step = 0; step < 12; step++) {
      const value = t.tidy(() => {
        const a = t.tensor(device, new Float32Array(size).fill(step));
        const doubled = t.multiply(a, 2);
        a.dispose();
        // Of the same size as what was just freed: from the host, and from an operation.
        t.tensor(device, new Float32Array(size).fill(-1));
        t.exp(doubled);
        return t.sum(t.add(doubled, 1));
      });
      sums.push(value.item());
      value.dispose();
      if (step === 6) await sums[3];
    }
    expect(await Promise.all(sums)).toEqual(sums.map((_, step) => size * (2 * step + 1)));
    expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
  }
});

test("a loop that never waits holds no more memory the longer it is", async () => {
  const { device } = opened[1]!;
  using a = t.tensor(device, randomFloats(3, 2 ** 18), [512, 512]);
  const memory: number[] = [];
  for (let step = 0; step < 60; step++) {
    t.tidy(() => void t.exp(t.add(a, step)));
    memory.push(device.heap.memory.buffer.byteLength);
  }
  expect(memory.at(-1)! - memory[20]!).toBeLessThan(a.size * 4);
  await a.read();
});

test("strides of any kind, which no operation of tensors makes: they are copied first", async () => {
  const { device } = opened[0]!;
  const backend = device.tensorBackend!;
  const request = { place: "test", label: "test", dtype: "f32" } as const;
  const values = randomFloats(5, 24);
  const buffer = backend.allocate({ ...request, shape: [24], values }) as Block;
  const out = backend.allocate({ ...request, shape: [12] }) as Block;
  const stored = { buffer, dtype: "f32", offset: 0 } as const;
  const target = { buffer: out, dtype: "f32", offset: 0 } as const;
  const choice = { activation: "identity", order: 1, loss: "squaredError", derivative: [0, 0] } as const;
  backend.binary({ name: "add", choice, sizes: [3, 4], a: { ...stored, strides: [8, 2] }, b: 1, out: target });
  const sums = await backend.read(target, 12);
  expect([...sums]).toEqual([...sums].map((_, at) => Math.fround(values[8 * Math.floor(at / 4) + 2 * (at % 4)]! + 1)));
  const reduce: ReduceOperation = {
    name: "max",
    a: stored,
    kept: { sizes: [3], strides: [8] },
    reduced: { sizes: [4], strides: [2] },
    out: target,
    scale: 1,
  };
  backend.reduce(reduce);
  const most = (row: number): number => Math.max(...[0, 2, 4, 6].map((at) => values[8 * row + at]!));
  expect([...(await backend.read(target, 3))]).toEqual([0, 1, 2].map(most));
  const framed: CopyOperation = {
    sizes: [3, 4],
    a: { ...stored, strides: [1, 6] },
    out: { ...target, strides: [1, 3] },
    frame: { before: [1, 2], inside: [2, 1] },
  };
  backend.copy(framed);
  const wanted = new Float32Array(12);
  [wanted[1 + 6], wanted[2 + 6]] = [values[0]!, values[1]!];
  expect(await backend.read(target, 12)).toEqual(wanted);
  for (const each of [buffer, out]) backend.release(each);
});

test("long rows keep their digits", async () => {
  const [{ device }, cpu] = [opened[1]!, await acquire({ device: "reference" })];
  const count = 300_001;
  const values = randomFloats(9, count, 2);
  const compute = (on: typeof cpu): t.Tensor[] => {
    const a = t.tensor(on, values, [1, count]);
    return [t.sum(t.square(a)), t.logSumExp(a), t.softmaxCrossEntropy(a, t.softmax(a)), t.sum(t.softmax(a))];
  };
  const [own, wanted] = [device, cpu].map((on) => t.tidy(() => compute(on)));
  for (const [at, result] of own!.entries()) {
    const truth = await wanted![at]!.item();
    expect(Math.abs((await result.item()) / truth - 1), String(at)).toBeLessThanOrEqual(64 * roundoff);
  }
  t.dispose([own, wanted]);
});

test("a product of more blocks of columns than a phase has items", async () => {
  const { device } = opened[1]!;
  const columns = 2_200_000;
  const values = randomFloats(11, columns);
  using left = t.tensor(device, [3, -2], [2, 1]);
  using right = t.tensor(device, values, [1, columns]);
  using product = t.matmul(left, right);
  const got = await product.read();
  const isWrong = (value: number, at: number): boolean =>
    value !== Math.fround((at < columns ? 3 : -2) * values[at % columns]!);
  expect(got.findIndex(isWrong)).toBe(-1);
});

test("a device that is disposed of is reported when something is read", async () => {
  for (const leastShared of [undefined, shareAll]) {
    const { device } = await open(2, leastShared);
    const a = t.ones(device, [64]);
    await device.pool.dispose();
    const b = t.exp(a);
    await expect(b.read()).rejects.toBeInstanceOf(Disposed);
    t.dispose([a, b]);
    expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
  }
});
