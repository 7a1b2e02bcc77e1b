// Compiled functions of tensors against the same functions operation by operation, in value and in number of calls.

import { expect, test } from "vitest";
import type { Device } from "../src/backend/device.ts";
import type { GpuDevice } from "../src/backend/webgpu/device.ts";
import { commandQueueOf } from "../src/backend/webgpu/tensor/commandQueue.ts";
import { acquire } from "../src/index.ts";
import * as t from "../src/tensor.ts";
import { countCalls } from "./support/gpuCounts.ts";
import { numbers, parametersOn, step } from "./support/residualNetwork.ts";
import { inputsOn, operationCases, weighted } from "./support/tensorOperations.ts";
import { shareDevice, shareWasm } from "./support/sharedDevice.ts";

const shared = shareDevice();
const sharedWasm = shareWasm();
const places = [
  { name: "device", open: async (): Promise<Device> => shared() },
  { name: "wasm", open: sharedWasm },
  { name: "cpu", open: () => acquire({ device: "reference" }) },
];

/** Relative distance of two losses. */
const apart = (wanted: number, got: number): number => Math.abs(got - wanted) / Math.abs(wanted);

for (const { name, open } of places) {
  test(`${name}: 30 compiled steps of a residual network are those of its operations one by one`, async () => {
    const device = await open();
    const isGpu = name === "device";
    const [rows, inputs, width] = isGpu ? [256, 16, 64] : [16, 4, 8];
    const x = t.tensor(device, numbers(rows * inputs, 7), [rows, inputs]);
    const y = t.tensor(device, numbers(rows, 8), [rows, 1]);
    const compiled = await t.compile(step, { donate: [0] });
    let plain = parametersOn(device, inputs, width);
    let fused = parametersOn(device, inputs, width);
    const train = (): t.Tensor => {
      const next = compiled(fused, x, y);
      fused = next.parameters;
      return next.loss;
    };
    const losses: t.Tensor[][] = [];
    for (let at = 0; at < 30; at++) {
      const expected = t.tidy(() => step(plain, x, y));
      t.dispose(plain);
      plain = expected.parameters;
      losses.push([expected.loss, train()]);
    }
    for (const [at, [wanted, got]] of losses.entries()) {
      expect(apart(await wanted!.item(), await got!.item()), `step ${at}`).toBeLessThan(2e-6);
    }
    t.dispose(losses);
    if (isGpu) await expectReplay(device as GpuDevice, () => train().dispose());
    t.dispose([plain, fused, x, y]);
    compiled.dispose();
    expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
  });
}

/** A replayed step of the residual network is 16 dispatches in one pass and one submit, and makes no other call. */
async function expectReplay(device: GpuDevice, train: () => void): Promise<void> {
  const counts = await countCalls(async () => {
    train();
    commandQueueOf(device).submit();
  });
  const { dispatchWorkgroups, beginComputePass, submit, ...others } = counts;
  expect({ dispatchWorkgroups, beginComputePass, submit }).toEqual({
    dispatchWorkgroups: 16,
    beginComputePass: 1,
    submit: 1,
  });
  expect(
    Object.values(others).every((count) => count === 0),
    JSON.stringify(others),
  ).toBe(true);
}

test("what is written in place, moved and copied by calls in any order is what operations give", async () => {
  const device = shared();
  const swapped = (a: t.Tensor, b: t.Tensor) => ({ a: t.add(a, 1), b: t.multiply(b, 2), sum: t.sum(t.add(a, b)) });
  const compiled = await t.compile(swapped, { donate: [0, 1] });
  let [a, b] = [t.tensor(device, [1, 2, 3]), t.tensor(device, [4, 5, 6])];
  const kept: { sum: t.Tensor; wanted: number }[] = [];
  let [plainA, plainB] = [
    [1, 2, 3],
    [4, 5, 6],
  ] as [number[], number[]];
  for (let at = 0; at < 4; at++) {
    const next = compiled(a, b);
    kept.push({ sum: next.sum, wanted: [...plainA, ...plainB].reduce((sum, one) => sum + one, 0) });
    [a, b] = [next.b, next.a]; // each goes into the other's place
    [plainA, plainB] = [plainB.map((one) => 2 * one), plainA.map((one) => one + 1)];
  }
  expect([...(await a.read())]).toEqual(plainA);
  expect([...(await b.read())]).toEqual(plainB);
  for (const { sum, wanted } of kept) expect(await sum.item()).toBe(wanted);
  const view = t.slice(a, [1]);
  const last = compiled(a, b); // the view keeps what a was
  expect([...(await view.read())]).toEqual(plainA.slice(1));
  const both = compiled(last.a, last.a); // one tensor in two places
  expect([...(await both.a.read())]).toEqual(plainA.map((one) => one + 2));
  compiled.dispose(); // results stay
  expect([...(await both.b.read())]).toEqual(plainA.map((one) => 2 * (one + 1)));
  t.dispose([last, both, view, kept.map(({ sum }) => sum)]);
});

for (const { name, open } of places) {
  test(`${name}: one function takes several shapes, tensors from outside, and what grad makes of it`, async () => {
    const device = await open();
    const scale = t.tensor(device, [2, -1]);
    const f = (a: t.Tensor) => [
      t.concat([t.multiply(a, scale), t.ones(device, [1, 2])]),
      t.transpose(a),
      t.softmax(a),
      scale,
    ];
    const compiled = await t.compile(f);
    for (const rows of [1, 3, 1, 0]) {
      const a = t.tensor(device, numbers(2 * rows, 5), [rows, 2]);
      const [wanted, got] = [t.tidy(() => f(a)), compiled(a)];
      for (const [at, one] of wanted.entries()) {
        expect(got[at]!.shape).toEqual(one.shape);
        expect([...(await got[at]!.read())]).toEqual([...(await one.read())]);
      }
      t.dispose([a, wanted.slice(0, 3), got]);
    }
    const square = await t.compile((a: t.Tensor) => t.sum(t.square(a)));
    const a = t.tensor(device, [3, 4]);
    const gradient = t.grad((one: t.Tensor) => square(one))(a);
    expect([...(await gradient.read())]).toEqual([6, 8]);
    t.dispose([a, gradient, scale]);
    square.dispose();
    compiled.dispose();
    expect(device.ledger).toEqual({ buffers: 0, bytes: 0 });
  });
}

test("every operation and its gradients, compiled together, are what they are one by one", async () => {
  const device = shared();
  const inputs = operationCases.map((one) => inputsOn(device, one));
  const all = (tensors: readonly t.Tensor[][]): t.Tensor[][] =>
    operationCases.map(({ apply, inputs: { length } }, at) => {
      const own = tensors[at]!;
      const numbersOf = Array.from({ length }, (_, index) => index);
      const gradients = t.grad((...args: t.Tensor[]) => weighted(apply(...args)), numbersOf)(...own);
      return [apply(...own), ...(gradients as t.Tensor[])];
    });
  const compiled = await t.compile(all);
  const wanted = t.tidy(() => all(inputs));
  t.dispose(compiled(inputs));
  const got = compiled(inputs); // a replay
  const together = (tree: t.Tensor[][]): t.Tensor => t.concat(tree.flat().map((one) => t.reshape(one, [-1])));
  const [expected, found] = await Promise.all(
    [wanted, got].map(async (tree) => {
      using whole = t.tidy(() => together(tree));
      return whole.read();
    }),
  );
  let first = 0;
  for (const [at, { name, units = 16 }] of operationCases.entries()) {
    for (const [index, { size }] of wanted[at]!.entries()) {
      const [own, others] = [expected, found].map((values) => values.subarray(first, first + size)) as [
        Float32Array,
        Float32Array,
      ];
      first += size;
      const bound = units * 2 ** -24 * Math.max(1, ...own.map(Math.abs));
      const worst = Math.max(0, ...own.map((value, place) => Math.abs(value - others[place]!)));
      expect(worst, `${name}, ${index === 0 ? "value" : `gradient ${index - 1}`}`).toBeLessThanOrEqual(bound);
    }
  }
  t.dispose(got);
  t.dispose([inputs, wanted]);
  compiled.dispose();
});

test("wrong calls are reported", async () => {
  const device = await acquire({ device: "reference" });
  const a = t.tensor(device, [1, 2]);
  await expect(t.compile(3 as unknown as () => t.Tensor)).rejects.toThrow("expected a function, got number");
  await expect(t.compile(t.exp, { donates: [0] } as t.CompileOptions)).rejects.toThrow("donate");
  await expect(t.compile(t.exp, { donate: [-1] })).rejects.toThrow("compile: donate");
  const scaled = await t.compile((one: t.Tensor, by: number) => t.multiply(one, by));
  expect(() => scaled(a, 2)).toThrow("pass a number that changes as a tensor");
  const constant = await t.compile(() => t.ones(device, [1]));
  expect(() => constant()).toThrow("a tensor among the arguments");
  let reading: Promise<number> | undefined;
  const branching = await t.compile((one: t.Tensor) => {
    reading = t.sum(one).item();
    return one;
  });
  const result = branching(a);
  await expect(reading).rejects.toThrow("use where(condition, a, b)");
  const waiting = await t.compile(async (one: t.Tensor) => one);
  expect(() => waiting(a)).toThrow("not asynchronous");
  const count = await t.compile((one: t.Tensor) => ({ one, two: 2 }));
  expect(() => count(a)).toThrow("compile: result");
  t.dispose([a, result]);
});
