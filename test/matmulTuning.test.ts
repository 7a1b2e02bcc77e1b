// Tuning of products: what it changes (which kernel), and what it must not (bits, waiting, errors, memory).

import { expect, test } from "vitest";
import type { GpuDevice } from "../src/backend/webgpu/device.ts";
import { readProducts, tuningKey } from "../src/backend/webgpu/tensor/matmulBuckets.ts";
import { acquire, InvalidInput } from "../src/index.ts";
import * as t from "../src/tensor.ts";
import { hashOf } from "./support/compare.ts";
import { openDevice } from "./support/kernelRun.ts";
import { randomFloats } from "./support/random.ts";
import { shareDevice } from "./support/sharedDevice.ts";
import { someOf, testInFull } from "./support/share.ts";

const shared = shareDevice();
const empty = { buffers: 0, bytes: 0 };

/** A cache in memory. */
class MemoryCache implements t.TuningCache {
  readonly texts: Map<string, string>;
  writes = 0;

  constructor(texts: [string, string][] = []) {
    this.texts = new Map(texts);
  }
  read(key: string): Promise<string | undefined> {
    return Promise.resolve(this.texts.get(key));
  }
  write(key: string, text: string): Promise<void> {
    this.writes++;
    this.texts.set(key, text);
    return Promise.resolve();
  }
}

interface Shapes {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly options?: t.TransposeOptions;
}

/** A tile and more, sums in slices, a batch, transposes. */
const shapes = someOf<Shapes>(
  [
    { a: [33, 20], b: [20, 36] },
    { a: [5, 1100], b: [1100, 7] },
    { a: [3, 17, 9], b: [3, 9, 16] },
    { a: [40, 18], b: [34, 40], options: { transposeA: true, transposeB: true } },
  ],
  2,
);

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

async function productOn(device: GpuDevice, { a, b, options }: Shapes): Promise<string> {
  using left = t.tensor(device, randomFloats(1, sizeOf(a)), a);
  using right = t.tensor(device, randomFloats(2, sizeOf(b)), b);
  using product = t.matmul(left, right, options);
  return hashOf(await product.read());
}

async function productsOn(device: GpuDevice): Promise<string[]> {
  const hashes: string[] = [];
  for (const one of shapes) hashes.push(await productOn(device, one));
  return hashes;
}

/** Text of a cache that names a variant for every bucket that these shapes have, by a tuning that has measured them. */
async function textWith(variant: string): Promise<string> {
  using tuning = await t.tuneMatmul(shared());
  await productsOn(shared());
  await tuning.settled();
  return JSON.stringify(tuning.entries().map((entry) => ({ ...entry, timesMs: { [variant]: 1 }, variant })));
}

test("nothing waits for the tuning, and no bit changes by it", async () => {
  const device = shared();
  const usual = await productsOn(device);
  using tuning = await t.tuneMatmul(device);
  using left = t.ones(device, [8, 8]);
  using product = t.matmul(left, left);
  expect(tuning.entries()).toEqual([]);
  expect([...(await product.read())]).toEqual(Array.from({ length: 64 }, () => 8));
  expect(await productsOn(device)).toEqual(usual);
  await tuning.settled();
  expect(tuning.isOn).toBe(true);
  expect(tuning.entries()).toHaveLength(1 + shapes.length);
  expect(await productsOn(device)).toEqual(usual);
});

testInFull("each bucket is measured once, and takes a variant that was measured", async () => {
  const device = shared();
  using tuning = await t.tuneMatmul(device);
  await productsOn(device);
  await tuning.settled();
  const entries = tuning.entries();
  const buckets = entries.map(({ bucket }) => bucket.replace(/ (rows|columns)$/, "")).toSorted();
  expect(buckets).toEqual([
    "32x16x16x4 nn f32 f32 f32",
    "32x64x64x1 tt f32 f32 f32",
    "64x64x32x1 nn f32 f32 f32",
    "8x8x2048x1 nn f32 f32 f32",
  ]);
  for (const { timesMs, variant } of entries) {
    const times = Object.values(timesMs);
    expect(times.length).toBeGreaterThan(1);
    expect(times.every((ms) => Number.isFinite(ms) && ms > 0)).toBe(true);
    expect(timesMs).toHaveProperty(variant);
  }
  await productsOn(device);
  await tuning.settled();
  expect(tuning.entries()).toEqual(entries);
});

test("what is measured goes to the cache and comes back from it", async () => {
  const device = shared();
  const cache = new MemoryCache();
  const first = await t.tuneMatmul(device, { cache });
  await productsOn(device);
  await first.settled();
  const { writes } = cache;
  expect(writes).toBe(shapes.length);
  first.dispose();

  using second = await t.tuneMatmul(device, { cache });
  expect(second.entries()).toEqual(first.entries());
  await productsOn(device);
  await second.settled();
  expect(second.entries()).toEqual(first.entries());
  expect(cache.writes).toBe(writes);
});

testInFull("a known bucket takes the variant that the cache names, to the same bits", async () => {
  const device = shared();
  const usual = await productsOn(device);
  for (const variant of device.hasQuads ? ["plain", "wideTiled", "quads"] : ["plain", "wideTiled"]) {
    const cache = new MemoryCache([[tuningKey(device), await textWith(variant)]]);
    using tuning = await t.tuneMatmul(device, { cache });
    expect(tuning.entries().map((entry) => entry.variant)).toEqual(shapes.map(() => variant));
    const { gpu } = device;
    const pipelines = new Set<string>();
    const create = gpu.createBindGroup.bind(gpu);
    gpu.createBindGroup = (descriptor) => {
      pipelines.add(descriptor.label ?? "");
      return create(descriptor);
    };
    try {
      expect(await productsOn(device)).toEqual(usual);
    } finally {
      Reflect.deleteProperty(gpu, "createBindGroup");
    }
    const kernels = [...pipelines].filter((label) => label.startsWith("matmul"));
    expect(kernels, variant).toEqual([variant === "plain" ? "matmul" : "matmulTiled"]);
  }
});

test("broken texts of a cache count as empty", async () => {
  const device = shared();
  const good = { bucket: "8x8x8x1 nn f32 f32 f32", timesMs: { plain: 1, tiled: 2 }, variant: "plain" };
  const broken = [
    "",
    "{",
    "null",
    '"plain"',
    "{}",
    "[null, 1, [], {}]",
    JSON.stringify([{ ...good, bucket: "<b>" }]),
    JSON.stringify([{ ...good, variant: "fastest" }]),
    JSON.stringify([{ ...good, variant: "toString" }]),
    JSON.stringify([{ ...good, timesMs: { plain: "1" } }]),
    JSON.stringify([{ ...good, timesMs: null }]),
    JSON.stringify([{ ...good, timesMs: { plain: -1 } }]),
    '[{"bucket": "8x8x8x1 nn f32 f32 f32", "timesMs": {"plain": 1e999}, "variant": "plain"}]',
    `[${" ".repeat(2 ** 21)}]`,
  ];
  for (const text of broken) expect(readProducts(text, device), text.slice(0, 99)).toEqual([]);
  expect(readProducts(7, device)).toEqual([]);
  const extra = { ...good, more: 1, timesMs: { ...good.timesMs, fastest: 1, wideTiled: null } };
  expect(readProducts(JSON.stringify([extra, null]), device)).toEqual([good]);
  const quads = JSON.stringify([{ ...good, timesMs: { quads: 1 }, variant: "quads" }]);
  expect(readProducts(quads, { hasQuads: false })).toEqual([]);

  const cache = new MemoryCache([[tuningKey(device), "{"]]);
  using tuning = await t.tuneMatmul(device, { cache });
  await productOn(device, shapes[0]!);
  await tuning.settled();
  expect(readProducts(cache.texts.get(tuningKey(device)), device)).toEqual(tuning.entries());
});

testInFull("what another adapter or another device has found is left alone", async () => {
  const device = shared();
  const others = tuningKey(device).replace(/"[^"]*"\]$/, '"00000000"]');
  expect(others).not.toBe(tuningKey(device));
  const text = '[{"bucket":"8x8x8x1 nn f32 f32 f32","timesMs":{"plain":1},"variant":"plain"}]';
  const cache = new MemoryCache([[others, text]]);
  using tuning = await t.tuneMatmul(device, { cache });
  expect(tuning.entries()).toEqual([]);
  cache.texts.set(tuningKey(device), text); // as another program would, meanwhile
  await productOn(device, shapes[0]!);
  await tuning.settled();
  expect(cache.texts.get(others)).toBe(text);
  const kept = readProducts(cache.texts.get(tuningKey(device)), device);
  expect(kept.map(({ bucket }) => bucket)).toEqual([tuning.entries()[0]!.bucket, "8x8x8x1 nn f32 f32 f32"]);
});

test("a cache that fails costs nothing but its contents", async () => {
  const fail = () => Promise.reject(new Error("no"));
  using tuning = await t.tuneMatmul(shared(), { cache: { read: fail, write: fail } });
  await productOn(shared(), shapes[0]!);
  await tuning.settled();
  expect([tuning.isOn, tuning.entries().length]).toEqual([true, 1]);
});

test("dispose ends it at once, whatever is under way, and leaves nothing", async () => {
  const device = await openDevice();
  const tuning = await t.tuneMatmul(device);
  await productsOn(device);
  while (device.ledger.buffers === 0) await new Promise((resolve) => setTimeout(resolve, 1)); // it measures
  tuning.dispose();
  tuning.dispose();
  expect(device.ledger).toEqual(empty);
  await tuning.settled();
  const known = tuning.entries();
  await productsOn(device);
  await tuning.settled();
  expect([tuning.isOn, tuning.entries()]).toEqual([false, known]);
  expect(device.ledger).toEqual(empty);
  device.throwFault("after the tuning");

  using again = await t.tuneMatmul(device);
  expect(again.isOn).toBe(true);
  device.dispose();
});

testInFull("a device that refuses a buffer ends the tuning, and no computation hears of it", async () => {
  const device = await openDevice();
  const { gpu } = device;
  const usual = await productsOn(device);
  using tuning = await t.tuneMatmul(device);
  const create = gpu.createBuffer.bind(gpu);
  gpu.createBuffer = (descriptor) => {
    if (descriptor.label === "tuning") create({ size: 2 ** 50, usage: GPUBufferUsage.STORAGE }); // more than there is
    return create(descriptor);
  };
  expect(await productsOn(device)).toEqual(usual);
  await tuning.settled();
  expect([tuning.isOn, tuning.entries()]).toEqual([false, []]);
  expect(await productsOn(device)).toEqual(usual);
  device.throwFault("after the tuning");
  expect(device.ledger).toEqual(empty);
  device.dispose();
});

test("a lost device ends the tuning", async () => {
  const device = await openDevice();
  const cache = new MemoryCache();
  const tuning = await t.tuneMatmul(device, { cache });
  await productsOn(device);
  while (device.ledger.buffers === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const known = tuning.entries().length;
  device.gpu.destroy();
  await device.gpu.lost;
  await tuning.settled();
  expect([tuning.isOn, tuning.entries().length, cache.writes]).toEqual([false, known, known]);
  expect(device.ledger).toEqual(empty);
});

test("one tuning a device; the CPU has none; other values are refused", async () => {
  const device = shared();
  {
    using tuning = await t.tuneMatmul(device);
    await expect(t.tuneMatmul(device)).rejects.toBeInstanceOf(InvalidInput);
    expect(tuning.isOn).toBe(true);
  }
  using cpu = await acquire({ device: "reference" });
  using none = await t.tuneMatmul(cpu, { cache: new MemoryCache() });
  await none.settled();
  expect([none.isOn, none.entries()]).toEqual([false, []]);
  const strange = [() => t.tuneMatmul({} as never), () => t.tuneMatmul(device, { cache: {} as never })];
  for (const call of strange) await expect(call()).rejects.toBeInstanceOf(InvalidInput);
  await expect(t.tuneMatmul(device, { file: "x" } as never)).rejects.toThrow("file");
});

test("products without sums, and those too large to try, are not measured", async () => {
  const device = shared();
  using tuning = await t.tuneMatmul(device);
  using none = t.zeros(device, [4, 0]);
  using across = t.zeros(device, [0, 4]);
  using product = t.matmul(none, across);
  expect([...(await product.read())].every((value) => value === 0)).toBe(true);
  await tuning.settled();
  expect(tuning.entries()).toEqual([]);
});

test("a database keeps texts where there is IndexedDB, and counts as empty elsewhere", async () => {
  const name = `thalweg test ${Math.random()}`;
  const database = t.tuningDatabase(name);
  expect(await database.read("a")).toBeUndefined();
  await database.write("a", "first");
  await database.write("a", "second");
  await database.write("b", "other");
  const found = [await database.read("a"), await t.tuningDatabase(name).read("b"), await database.read("c")];
  if (typeof indexedDB === "undefined") return expect(found).toEqual([undefined, undefined, undefined]);
  expect(found).toEqual(["second", "other", undefined]);
  await new Promise((resolve) => indexedDB.deleteDatabase(name).addEventListener("success", resolve)); // none is open any more
  // A database of this name that belongs to somebody else.
  const foreign = `${name} foreign`;
  await new Promise<void>((resolve) => {
    const opening = indexedDB.open(foreign, 2);
    opening.addEventListener("success", () => resolve(opening.result.close()));
  });
  await t.tuningDatabase(foreign).write("a", "lost");
  expect(await t.tuningDatabase(foreign).read("a")).toBeUndefined();
  indexedDB.deleteDatabase(foreign);
});

test("the database serves a tuning", async () => {
  const device = shared();
  const name = `thalweg test ${Math.random()}`;
  const first = await t.tuneMatmul(device, { cache: t.tuningDatabase(name) });
  await productOn(device, shapes[0]!);
  await first.settled();
  first.dispose();
  using second = await t.tuneMatmul(device, { cache: t.tuningDatabase(name) });
  const hasDatabase = typeof indexedDB !== "undefined";
  expect(second.entries()).toEqual(hasDatabase ? first.entries() : []);
  if (hasDatabase) indexedDB.deleteDatabase(name);
});
