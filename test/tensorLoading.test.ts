// What is computed before the kernels of tensors are loaded.

import { expect, test } from "vitest";
import { kernelLoader } from "../src/backend/webgpu/tensor/kernelLoader.ts";
import * as t from "../src/tensor.ts";
import { narrowed, shareDevice } from "./support/sharedDevice.ts";

const shared = shareDevice();
const empty = { buffers: 0, bytes: 0 };

/** A device whose first tensor finds no kernels. */
async function unloaded() {
  const device = await narrowed(shared(), 2 ** 28);
  kernelLoader.loaded = undefined;
  return device;
}

test("what is recorded before the kernels are loaded is computed in order, and read as it was then", async () => {
  const device = await unloaded();
  const a = t.tensor(device, [1, 2, 3, 4], [2, 2]);
  const doubled = t.multiply(a, 2);
  const first = doubled.read();
  doubled.dispose(); // its buffer is taken again by what follows, and written
  const b = t.add(a, 10);
  const uploaded = t.tensor(device, [5, 6, 7, 8], [2, 2]);
  const product = t.matmul(b, uploaded);
  const total = t.sum(product);
  const reads = [first, b.read(), product.read(), total.read()];
  expect(kernelLoader.loaded).toBeUndefined();
  const values = (await Promise.all(reads)).map((each) => [...each]);
  expect(kernelLoader.loaded).toBeDefined();
  expect(values).toEqual([[2, 4, 6, 8], [11, 12, 13, 14], [139, 162, 163, 190], [654]]);
  t.dispose([a, b, uploaded, product, total]);
  expect(device.ledger).toEqual(empty);
});

test("buffers that are taken again before the kernels are loaded hold what was written last, over many submits", async () => {
  const device = await unloaded();
  const steps = 1100;
  let value = t.ones(device, [3000]);
  const sums: t.Tensor[] = [];
  for (let step = 0; step < steps; step++) {
    const next = t.add(value, step % 2 === 0 ? 1 : -1);
    value.dispose();
    value = next;
    const uploaded = t.tensor(device, [step, 1]);
    sums.push(t.sum(uploaded));
    uploaded.dispose();
  }
  const half = t.tidy(() => t.multiply(t.add(value, 1), 0.25)); // a sum that is free long before it is computed
  value.dispose();
  expect([...(await half.read())]).toEqual(Array.from({ length: 3000 }, () => 0.5));
  const all = t.tidy(() => t.concat(sums.map((one) => t.reshape(one, [1]))));
  expect([...(await all.read())]).toEqual(Array.from({ length: steps }, (_, step) => step + 1));
  t.dispose([half, all, sums]);
  expect(device.ledger).toEqual(empty);
  device.throwFault("tensorLoading");
});

test("a tensor that nobody waits for leaves nothing, loaded or not", async () => {
  const device = await unloaded();
  t.tidy(() => void t.add(t.ones(device, [8]), 1));
  expect(kernelLoader.loaded).toBeUndefined();
  await kernelLoader.load();
  await new Promise((resolve) => setTimeout(resolve, 0));
  expect(device.ledger).toEqual(empty);
});

test("kernels that cannot be loaded are reported to whoever reads, and loaded when they can be", async () => {
  const device = await unloaded();
  kernelLoader.load = () => Promise.reject(new Error("no connection"));
  const sum = t.tidy(() => t.add(t.ones(device, [3]), 1));
  try {
    await expect(sum.read()).rejects.toThrow("no connection");
  } finally {
    Reflect.deleteProperty(kernelLoader, "load"); // the class has its own
  }
  expect([...(await sum.read())]).toEqual([2, 2, 2]);
  sum.dispose();
  expect(device.ledger).toEqual(empty);
});
