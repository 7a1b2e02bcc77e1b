// Products of the WebAssembly backend against float64, and their bits however they are cut and whoever computes them.

import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Heap, memoryImport } from "../src/backend/wasm/heap.ts";
import { f32x4 } from "../src/backend/wasm/instructions.ts";
import { matmulScratchBytes } from "../src/backend/wasm/matmulScratch.ts";
import { addEpilogue, type Epilogue, type OperandLayout } from "../src/backend/wasm/matmulEpilogue.ts";
import { matmulModule, matmulNames } from "../src/backend/wasm/matmulModule.ts";
import type { Cut } from "../src/backend/wasm/matmulCut.ts";
import { type MatmulKernels, planMatmul } from "../src/backend/wasm/matmulPlan.ts";
import type { MatmulRequest } from "../src/backend/wasm/matmulRequest.ts";
import { ModuleBuilder } from "../src/backend/wasm/moduleBuilder.ts";
import { ThreadPool } from "../src/backend/wasm/pool.ts";
import { Program } from "../src/backend/wasm/program.ts";
import { hasRelaxedSimd } from "../src/backend/wasm/support.ts";
import { hasThreads } from "../src/backend/wasm/workerHost.ts";
import { hashOf, poisoned, requireWithin, sumBound, untouched } from "./support/compare.ts";
import {
  type Case,
  describeCase,
  large,
  operandOf,
  type Operand,
  plain,
  productOf,
  someCase,
  transposes,
} from "./support/matmulCases.ts";
import { cases } from "./support/shapes.ts";
import { randomFloats } from "./support/random.ts";
import { someOf } from "./support/share.ts";

interface Machine {
  readonly heap: Heap;
  readonly pool: ThreadPool;
  readonly kernels: MatmulKernels;
}

async function openMachine(threads: number, useMadd = hasRelaxedSimd()): Promise<Machine> {
  const heap = new Heap({ isShared: threads > 1 && hasThreads() });
  const pool = await ThreadPool.open({ heap, threads, scratchBytes: matmulScratchBytes });
  const module = new WebAssembly.Module(matmulModule(heap.isShared, useMadd));
  const [matmul, sumSlices] = await pool.addKernels([{ module, names: matmulNames }]);
  return { heap, pool, kernels: { matmul: matmul!, sumSlices: sumSlices! } };
}

let machines: readonly Machine[];
beforeAll(async () => {
  machines = await Promise.all([1, 2, 3].map((threads) => openMachine(threads)));
});
afterAll(async () => {
  for (const { heap, pool } of machines) {
    await pool.dispose();
    expect(heap.usedBytes).toBe(0);
  }
});

const margin = 7;

interface Run {
  readonly cut?: Cut;
  /** What out holds before, to add to. */
  readonly before?: Float32Array;
}

/** Runs one case. @returns the bits of the product, in a larger array whose rest must stay as it was */
async function run(machine: Machine, one: Case, operands: readonly Operand[], { cut, before }: Run = {}) {
  const { heap, pool, kernels } = machine;
  const length = one.batch.reduce((product, size) => product * size, one.m * one.n);
  const out = heap.allocate(4 * (length + 2 * margin));
  const [a, b] = operands.map(({ values, offset, ...layout }) => {
    const address = heap.allocate(4 * values.length);
    heap.floats(address, values.length).set(values);
    return { ...layout, address: address + 4 * offset, allocated: address };
  });
  heap.words(out, length + 2 * margin).set(poisoned(length + 2 * margin));
  if (before) heap.floats(out + 4 * margin, length).set(before);
  const request: MatmulRequest = { ...one, a: a!, b: b!, out: out + 4 * margin, accumulate: before !== undefined };
  const plan = planMatmul(heap, kernels, request, { threads: pool.threads, ...(cut && { cut }) });
  const program = new Program(heap, plan.phases);
  await pool.run(program);
  const bits = Uint32Array.from(heap.words(out, length + 2 * margin));
  for (const each of [program, plan]) each.dispose();
  for (const address of [out, a!.allocated, b!.allocated]) heap.release(address);
  return bits;
}

/** @returns the largest error in units of its bound */
async function compare(machine: Machine, one: Case, { cut, before }: Run = {}): Promise<number> {
  const operands = [operandOf(one, "a", 1), operandOf(one, "b", 2)];
  const values = productOf(one, operands, false);
  const magnitudes = productOf(one, operands, true);
  const wanted = untouched(values.length + 2 * margin);
  values.forEach((value, at) => {
    const added = before?.[at] ?? 0;
    wanted.values[margin + at] = added + value;
    wanted.bounds[margin + at] = sumBound(one.k, Math.abs(added) + magnitudes[at]!);
  });
  const title = `${describeCase(one)}, ${JSON.stringify(cut ?? {})}, ${machine.pool.threads} threads`;
  return requireWithin(
    title,
    await run(machine, one, operands, { ...(cut && { cut }), ...(before && { before }) }),
    wanted,
  );
}

const lengthOf = ({ batch, m, n }: Case): number => batch.reduce((product, size) => product * size, m * n);

test("products agree with float64 over shapes, transposes and repeated matrices", async () => {
  let worst = 0;
  const attempt = async (one: Case, threads: number) => {
    worst = Math.max(worst, await compare(machines[threads]!, one));
  };
  const examples = someOf(large).flatMap((one) => [0, 1, 2].map((threads): [Case, number] => [one, threads]));
  await fc.assert(fc.asyncProperty(someCase, fc.constantFrom(0, 1, 2), attempt), cases(500, examples));
  console.log(`wasm matmul: largest error ${worst.toFixed(3)} of its bound`);
});

test("products are added to what is there", async () => {
  const attempt = async (one: Case) => {
    await compare(machines[1]!, one, { before: randomFloats(3, lengthOf(one)) });
  };
  await fc.assert(
    fc.asyncProperty(someCase, attempt),
    cases(
      150,
      someOf(large).map((one): [Case] => [one]),
    ),
  );
});

/** Shapes that need more than one block of rows, columns and k, each with a remainder. */
const blocks: Case[] = [
  ...transposes.map((both) => ({ ...plain, ...both, m: 131, n: 525, k: 259 })),
  { ...plain, m: 259, n: 13, k: 2050, transposeA: true, gap: 3 },
  { ...plain, m: 2, n: 1031, k: 1027, transposeB: true },
  { ...plain, m: 33, n: 21, k: 6151, transposeA: true, batch: [3], repeats: ["b"] },
  { ...plain, m: 16, n: 16, k: 16, batch: [9], repeats: ["neither"], transposeB: true },
  { ...plain, m: 1, n: 530, k: 2, batch: [2100], repeats: ["a"] }, // more blocks than a phase has items
];

test.each(someOf(blocks))("blocks agree with float64, %o", async (one) => {
  await compare(machines[0]!, one);
  await compare(machines[2]!, one, { before: randomFloats(3, lengthOf(one)) });
});

const someCut: fc.Arbitrary<Cut> = fc.record({
  rows: fc.constantFrom(1, 3, 4, 8, 20, 1000),
  columns: fc.constantFrom(1, 3, 8, 16, 512),
  packA: fc.boolean(),
  packB: fc.boolean(),
  matrices: fc.constantFrom(1, 1, 2, 7),
});

test("a product has the same bits for 1, 2 and 3 threads, however it is cut", async () => {
  const attempt = async (one: Case, cut: Cut) => {
    const operands = [operandOf(one, "a", 5), operandOf(one, "b", 6)];
    const usual = hashOf(await run(machines[0]!, one, operands));
    for (const machine of machines) {
      const threads = machine.pool.threads;
      expect(hashOf(await run(machine, one, operands)), `${describeCase(one)}, ${threads} threads`).toBe(usual);
      const title = `${describeCase(one)}, ${threads} threads, ${JSON.stringify(cut)}`;
      expect(hashOf(await run(machine, one, operands, { cut })), title).toBe(usual);
    }
  };
  const cut = { rows: 20, columns: 40, packA: true, packB: false, matrices: 2 };
  const examples = someOf(blocks).map((one): [Case, Cut] => [one, cut]);
  await fc.assert(fc.asyncProperty(someCase, someCut, attempt), cases(150, examples));
});

test.runIf(hasRelaxedSimd())("without relaxed multiply-add products agree as well", async () => {
  const machine = await openMachine(2, false);
  for (const one of someOf([...large, ...blocks])) await compare(machine, one);
  await machine.pool.dispose();
});

const whereFinite = [
  { ...plain, m: 9, n: 11, k: 515 },
  { ...plain, m: 2, n: 11, k: 515, transposeB: true },
  { ...plain, m: 3, n: 70, k: 515 },
];
test.each(whereFinite)("values that are not finite pass, and stay in their rows and columns, %o", async (one) => {
  const operands = [operandOf(one, "a", 7), operandOf(one, "b", 8)];
  operands[0]!.values[513] = Number.POSITIVE_INFINITY; // in row 0
  operands[0]!.values[one.k + 3] = Number.NaN; // in row 1
  const bits = await run(machines[1]!, one, operands);
  const result = new Float32Array(bits.buffer).subarray(margin, margin + one.m * one.n);
  const wanted = productOf(one, operands, false);
  const magnitudes = Float64Array.from(result, (value, at) =>
    Number.isFinite(wanted[at]!) ? Math.sign(value) : value,
  );
  expect(magnitudes).toEqual(wanted.map((value) => (Number.isFinite(value) ? Math.sign(value) : value)));
  expect(result.subarray(0, one.n).every((value) => Math.abs(value) === Number.POSITIVE_INFINITY)).toBe(true);
  expect(result.subarray(one.n, 2 * one.n).every(Number.isNaN)).toBe(true);
});

/** tanh-like enough: x / (1 + |x|), times the operand of the shape of out, and the value before beside it. */
const epilogue = (bias: OperandLayout): Epilogue => ({
  operands: [bias, "values"],
  extraOutputs: 1,
  apply: (body, sum, [shift, slope]) => {
    const before = body.let(f32x4.add(sum, shift!));
    const squashed = f32x4.div(before, f32x4.add(f32x4.abs(before), 1));
    return [f32x4.mul(squashed, slope!), before];
  },
});

const withEpilogue: readonly { one: Case; bias: OperandLayout }[] = [
  { one: { ...plain, m: 37, n: 21, k: 9 }, bias: "columns" },
  { one: { ...plain, m: 300, n: 130, k: 40, transposeB: true }, bias: "columns" },
  { one: { ...plain, m: 12, n: 9, k: 5003, transposeA: true }, bias: "rows" },
  { one: { ...plain, m: 101, n: 1, k: 30 }, bias: "one" },
  { one: { ...plain, m: 5, n: 6, k: 7, batch: [11], repeats: ["a"] }, bias: "columns" },
];

test.each(withEpilogue)("an epilogue takes up the sums of $one.m × $one.n, bias by $bias", async ({ one, bias }) => {
  const described = epilogue(bias);
  for (const { heap, pool, kernels } of machines) {
    const builder = new ModuleBuilder();
    builder.importMemory(memoryImport(heap.isShared));
    builder.export("squash", addEpilogue(builder, described));
    const module = new WebAssembly.Module(builder.encode());
    const [kernel] = await pool.addKernels([{ module, names: ["squash"] }]);
    const operands = [operandOf(one, "a", 1), operandOf(one, "b", 2)];
    const [length, matrices] = [lengthOf(one), lengthOf(one) / (one.m * one.n)];
    const biasCount = { columns: one.n, rows: one.m, one: 1, values: 0 }[bias];
    const sources = [
      ...operands.map(({ values }) => values),
      randomFloats(3, biasCount * matrices),
      randomFloats(4, length),
    ];
    const addresses = [...sources.map(({ length: count }) => count), length, length].map((count) =>
      heap.allocate(4 * count),
    );
    sources.forEach((values, at) => heap.floats(addresses[at]!, values.length).set(values));
    const [aAt, bAt, biasAt, slopeAt, outAt, extraAt] = addresses as [number, number, number, number, number, number];
    const [a, b] = [aAt, bAt].map((address, at) => ({ ...operands[at]!, address: address + 4 * operands[at]!.offset }));
    const matrixBytes = 4 * one.m * one.n;
    const arrays = [
      { address: biasAt, matrixBytes: 4 * biasCount },
      { address: slopeAt, matrixBytes },
      { address: extraAt, matrixBytes },
    ];
    const call = { kernel: kernel!, epilogue: described, arrays };
    const plan = planMatmul(
      heap,
      kernels,
      { ...one, a: a!, b: b!, out: outAt },
      { threads: pool.threads, epilogue: call },
    );
    const program = new Program(heap, plan.phases);
    await pool.run(program);
    const [sums, magnitudes] = [productOf(one, operands, false), productOf(one, operands, true)];
    const wanted = untouched(length);
    const wantedExtra = untouched(length);
    sums.forEach((sum, at) => {
      const matrix = Math.floor(at / (one.m * one.n));
      const [row, column] = [Math.floor(at / one.n) % one.m, at % one.n];
      const shift = sources[2]![matrix * biasCount + { columns: column, rows: row, one: 0, values: 0 }[bias]]!;
      const before = sum + shift;
      const bound = sumBound(one.k, magnitudes[at]! + Math.abs(shift));
      wantedExtra.values[at] = before;
      wantedExtra.bounds[at] = bound;
      wanted.values[at] = (before / (1 + Math.abs(before))) * sources[3]![at]!;
      wanted.bounds[at] = bound + 2 ** -22; // its slope is at most 1; and three roundings
    });
    const title = `${describeCase(one)}, ${pool.threads} threads`;
    requireWithin(title, Uint32Array.from(heap.words(outAt, length)), wanted);
    requireWithin(`${title}, extra`, Uint32Array.from(heap.words(extraAt, length)), wantedExtra);
    for (const each of [program, plan]) each.dispose();
    for (const address of addresses) heap.release(address);
  }
});
