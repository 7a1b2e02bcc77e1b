// What a step is estimated to cost in WebAssembly: the formula with given figures, and that the probe gives figures.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { RunSettings } from "../src/backend/executor.ts";
import { type WasmMachine, wasmStepMs } from "../src/backend/wasm/costModel.ts";
import type { WasmDevice } from "../src/backend/wasm/device.ts";
import { machineOf } from "../src/backend/wasm/probe.ts";
import { acquire, createModel, dense, network, sgd } from "../src/index.ts";

const machine: WasmMachine = { threads: 1, flops: 1e9, bytesPerSecond: 1e9, phaseMs: 0.01 };
const shapeOf = (...widths: number[]) =>
  network({
    inputs: widths[0]!,
    layers: widths.slice(1).map((width) => dense(width, "sigmoid")),
    loss: "squaredError",
  });

function workOf(shape: ReturnType<typeof shapeOf>, rows: number, members = 1, batchSize = rows) {
  const data = { inputs: new Float32Array(rows * shape.inputs), targets: new Float32Array(rows * shape.outputs) };
  const settings: RunSettings = { data, optimizer: sgd(), batchSize, shuffle: true, seed: 0 };
  return { network: shape, members, settings };
}

const tiny = shapeOf(2, 2, 2, 1); // 15 parameters

/** Milliseconds of arithmetic: 6 · 10 weights, 24 · 5 sigmoids, 8 · 2 inputs and 24 of the loss are 220 operations a sample. */
const tinyMs = (samples: number, members: number) => (1000 * (samples * 220 + members * 15 * 12)) / 0.3e9;

test("straight-line code takes samples in fours, in one thread where there is little to do", () => {
  expect(wasmStepMs(machine, workOf(tiny, 4), true)).toBeCloseTo(1e-4 + tinyMs(4, 1), 12);
  expect(wasmStepMs(machine, workOf(tiny, 5), true)).toBeCloseTo(1e-4 + tinyMs(8, 1), 12);
  expect(wasmStepMs({ ...machine, threads: 8 }, workOf(tiny, 4), true)).toBeCloseTo(1e-4 + tinyMs(4, 1), 12);
});

test("threads share slices of 1,024 rows, or members in fours, for the cost of their phases", () => {
  const eight = { ...machine, threads: 8 };
  expect(wasmStepMs(eight, workOf(tiny, 16_384), true)).toBeCloseTo(1e-4 + tinyMs(16_384, 1) / 8 + 0.02, 9);
  const three = workOf(tiny, 65_536, 12, 1024);
  expect(wasmStepMs(eight, three, true)).toBeCloseTo(1e-4 + 1024 * 2e-5 + tinyMs(12 * 1024, 12) / 3 + 0.01, 9);
});

test("rows that are drawn cost time, those of each member where members draw their own", () => {
  const drawn = workOf(tiny, 100, 4, 10);
  const own = { ...drawn, settings: { ...drawn.settings, perMember: { seed: [1, 2, 3, 4] } } };
  const inOrder = { ...drawn, settings: { ...drawn.settings, shuffle: false } };
  const base = wasmStepMs(machine, inOrder, true);
  expect(wasmStepMs(machine, drawn, true) - base).toBeCloseTo(10 * 2e-5, 12);
  expect(wasmStepMs(machine, own, true) - base).toBeCloseTo(40 * 2e-5, 12);
});

test("layer by layer it is arithmetic, or moving the parameters where memory is slower", () => {
  const wide = shapeOf(64, 64, 1);
  const flops = 16 * (6 * (64 * 64 + 64) + 24 * 65 + 8 * 64 + 24) + wide.parameterCount * 12;
  expect(wasmStepMs(machine, workOf(wide, 16), false)).toBeCloseTo(1e-4 + (1000 * flops) / 0.4e9, 9);
  const slow = { ...machine, bytesPerSecond: 1e3 };
  expect(wasmStepMs(slow, workOf(wide, 16), false)).toBeCloseTo(1e-4 + 12 * wide.parameterCount, 6);
  const [alone, shared] = [1, 4].map((threads) => wasmStepMs({ ...machine, threads }, workOf(wide, 64), false));
  expect(shared).toBeCloseTo(1e-4 + (alone! - 1e-4) / 4 + 0.04, 9);
});

test("more rows, members or parameters never cost less", () => {
  const size = fc.integer({ min: 1, max: 200 });
  const threads = fc.integer({ min: 1, max: 16 });
  fc.assert(
    fc.property(fc.tuple(size, size, size, fc.boolean()), threads, ([width, rows, members, isFused], count) => {
      const host = { ...machine, threads: count, phaseMs: 0 };
      const costOf = (wider: number, more: number, others: number) =>
        wasmStepMs(host, workOf(shapeOf(wider, wider, 1), more, others), isFused);
      const ms = costOf(width, rows, members);
      // beyond the size from which threads share a step, it is the same work in several threads
      const least = ms / count - 1e-9;
      expect(costOf(width + 1, rows, members)).toBeGreaterThan(least);
      expect(costOf(width, rows + 1, members)).toBeGreaterThan(least);
      expect(costOf(width, rows, members + 1)).toBeGreaterThan(least);
    }),
  );
});

test("the probe measures a device once, and plans tell what its figures say", async () => {
  const device = await acquire({ device: "wasm" });
  const found = await machineOf(device as WasmDevice);
  expect(found.threads).toBe((device as WasmDevice).pool.threads);
  expect(found.flops).toBeGreaterThan(1e6);
  expect(found.bytesPerSecond).toBeGreaterThan(1e6);
  if (found.threads === 1) expect(found.phaseMs).toBe(0);
  else expect(found.phaseMs).toBeGreaterThan(0);
  const again = await machineOf(device as WasmDevice);
  expect(again).toBe(found);
  const model = await createModel(tiny, { device });
  const work = workOf(tiny, 4);
  const { stepMs, reason } = await model.plan(work.settings.data, { optimizer: sgd(), batchSize: 4 });
  expect(stepMs).toBe(wasmStepMs(found, work, true));
  expect(reason).toMatch(/straight-line code, .*; about [\d.e-]+ ms per step by the cost model$/);
  model.dispose();
  device.dispose();
});
