import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { readStretches, write } from "../src/backend/webgpu/bufferOwner.ts";
import { commandQueueOf } from "../src/backend/webgpu/tensor/commandQueue.ts";
import { kernelLoader } from "../src/backend/webgpu/tensor/kernelLoader.ts";
import { encodeMatmul, type MatmulChoice } from "../src/backend/webgpu/tensor/matmul.ts";
import { type MatmulVariant, matmulVariantsOf } from "../src/backend/webgpu/matmulVariants.ts";
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
import { someOf, testInFull } from "./support/share.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();
beforeAll(() => kernelLoader.load());

/** Runs one case. @returns the bits of the product, in a larger buffer whose rest must stay as it was */
async function run(
  one: Case,
  operands: readonly Operand[],
  length: number,
  choice?: MatmulChoice,
): Promise<Uint32Array> {
  const commands = commandQueueOf(device());
  const upload = (label: string, values: Float32Array | Uint32Array): GPUBuffer => {
    const buffer = commands.pool.take(label, values.byteLength, true);
    write(device(), buffer, values);
    return buffer;
  };
  const [a, b] = operands.map((operand) => ({
    ...operand,
    dtype: "f32" as const,
    buffer: upload("operand", operand.values),
  }));
  const buffer = upload("out", poisoned(length + 14));
  try {
    encodeMatmul({ device: device(), ...one, a: a!, b: b!, out: { buffer, dtype: "f32", offset: 7 } }, choice);
    commands.submit();
    return new Uint32Array(await readStretches(device(), "test", [{ buffer, first: 0, length: length + 14 }]));
  } finally {
    for (const each of [a!.buffer, b!.buffer, buffer]) commands.release(each);
  }
}

/** @returns the largest error in units of its bound, and a hash of the bits */
async function tryMatmul(one: Case, choice?: MatmulChoice): Promise<{ error: number; bits: string }> {
  const operands = [operandOf(one, "a", 1), operandOf(one, "b", 2)];
  const values = productOf(one, operands, false);
  const wanted = untouched(values.length + 14);
  wanted.values.set(values, 7);
  wanted.bounds.set(
    productOf(one, operands, true).map((magnitude) => sumBound(one.k, magnitude)),
    7,
  );
  const title = `${describeCase(one)}${choice ? `, ${choice.variant}, ${choice.splits} splits` : ""}`;
  const found = await run(one, operands, values.length, choice);
  return { error: requireWithin(title, found, wanted), bits: hashOf(found) };
}

test("matmul agrees with float64 over shapes, transposes and repeated matrices", async () => {
  let worst = 0;
  const attempt = async (one: Case) => {
    worst = Math.max(worst, (await tryMatmul(one)).error);
  };
  await fc.assert(
    fc.asyncProperty(someCase, attempt),
    cases(
      250,
      someOf(large).map((one): [Case] => [one]),
    ),
  );
  console.log(`matmul: largest error ${worst.toFixed(3)} of its bound`);
});

/** Shapes whose sums are cut into slices, which end within a block and within a group of four. */
const sliced: Case[] = [
  ...transposes.map((both) => ({ ...plain, ...both, m: 5, n: 6, k: 2051 })),
  { ...plain, m: 17, n: 36, k: 1029, batch: [2], repeats: ["a"], gap: 4 },
  { ...plain, m: 33, n: 40, k: 1160, transposeA: true },
];

const variantsHere = () => matmulVariantsOf(device());

test("every variant agrees with float64 and gives the same bits, whole and in slices", async () => {
  let worst = 0;
  const attempt = async (one: Case, splits: number) => {
    const { error, bits } = await tryMatmul(one, { variant: "plain", splits });
    worst = Math.max(worst, error);
    const operands = [operandOf(one, "a", 1), operandOf(one, "b", 2)];
    const length = one.batch.reduce((product, size) => product * size, one.m * one.n);
    for (const variant of variantsHere()) {
      if (variant === "tiled" && one.transposeA) continue; // it reads a as wideTiled does, and tiles compile longest
      const own = hashOf(await run(one, operands, length, { variant, splits }));
      expect(own, `${describeCase(one)}, ${variant}, ${splits} splits`).toBe(bits);
    }
  };
  const examples = [
    ...someOf(large).map((one): [Case, number] => [one, one.k > 1024 ? 3 : 1]),
    ...someOf(sliced).flatMap((one) => [1, 3].map((splits): [Case, number] => [one, splits])),
  ];
  const someSplits = fc.constantFrom(1, 1, 2, 3);
  await fc.assert(fc.asyncProperty(someCase, someSplits, attempt), cases(100, examples));
  console.log(`every variant: largest error ${worst.toFixed(3)} of its bound`);
});

test("every variant gives the same where values are not finite", async () => {
  const one: Case = { ...plain, m: 9, n: 8, k: 515 };
  const operands = [operandOf(one, "a", 7), operandOf(one, "b", 8)];
  operands[0]!.values.set([Number.POSITIVE_INFINITY, 1e38, -1e38], 513);
  operands[1]!.values.set([1e38, Number.NEGATIVE_INFINITY, Number.NaN, 0], 514 * 8);
  const seen = async (variant: MatmulVariant) =>
    new Float32Array((await run(one, operands, 72, { variant, splits: 1 })).buffer).slice(7, 79);
  const usual = await seen("plain");
  expect(usual.some(Number.isNaN) && usual.includes(Number.NEGATIVE_INFINITY)).toBe(true);
  for (const variant of variantsHere()) expect(await seen(variant), variant).toEqual(usual);
});

/** The same matrices one value further on: no four of their values begin at a multiple of four. */
const shifted = (operand: Operand): Operand => ({
  ...operand,
  values: Float32Array.of(Number.NaN, ...operand.values),
  offset: operand.offset + 1,
});

const upToFour = [1, 2, 3, 4];
const fewValues = upToFour.flatMap((m) => upToFour.map((n) => ({ m, n })));

testInFull.each(transposes)(
  "a few values of long sums, %o, agree with float64, however they can be loaded",
  async (both) => {
    const isPlain = !both.transposeA && !both.transposeB;
    for (const { m, n } of fewValues.filter((_, at) => isPlain || at % 3 === 0)) {
      const k = 4096 + 4 * n + (m % 2); // rows that are aligned, and rows that are not
      const one: Case = { ...plain, ...both, m, n, k, batch: [2], repeats: [m === 3 ? "a" : "neither"] };
      await tryMatmul(one);
      const operands = [operandOf(one, "a", 9), operandOf(one, "b", 10)];
      const usual = hashOf(await run(one, operands, 2 * m * n));
      const bits = hashOf(await run(one, operands.map(shifted), 2 * m * n));
      expect(bits, describeCase(one)).toBe(usual);
    }
  },
);

const ofPanels: Case[] = [
  { ...plain, m: 129, n: 1024, k: 1030 },
  { ...plain, m: 128, n: 1056, k: 1001, transposeB: true, gap: 1, batch: [2], repeats: ["b"] },
  { ...plain, m: 131, n: 1024, k: 1024, transposeA: true, gap: 4, batch: [2], repeats: ["a"] },
];

testInFull.each(ofPanels)("large products give the same bits, %o", async (one) => {
  const operands = [operandOf(one, "a", 11), operandOf(one, "b", 12)];
  const length = one.batch.reduce((product, size) => product * size, one.m * one.n);
  const usual = hashOf(await run(one, operands, length, { variant: "plain", splits: 1 }));
  expect(hashOf(await run(one, operands, length)), describeCase(one)).toBe(usual);
});

testInFull("large products give the same bits in slices as well", async () => {
  const one: Case = { ...plain, m: 128, n: 32, k: 32_801, transposeA: true };
  const operands = [operandOf(one, "a", 13), operandOf(one, "b", 14)];
  const bits = async (variant: MatmulVariant) =>
    hashOf(await run(one, operands, one.m * one.n, { variant, splits: 4 }));
  const usual = await bits("plain");
  for (const variant of variantsHere()) expect(await bits(variant), variant).toBe(usual);
});

test("matmul gives the same bits twice", async () => {
  for (const one of large.slice(0, 9)) {
    const operands = [operandOf(one, "a", 3), operandOf(one, "b", 4)];
    const [first, second] = [await run(one, operands, one.m * one.n), await run(one, operands, one.m * one.n)];
    expect(hashOf(second), describeCase(one)).toBe(hashOf(first));
  }
});
