// Products of many shapes and layouts, with their operands and their results in float64: for every machine that multiplies.

import fc from "fast-check";
import { matmul } from "../../src/backend/cpu/matmul.ts";
import { randomFloats } from "./random.ts";

export interface Case {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: readonly number[];
  /** Which operand repeats along each dimension of the batch. */
  readonly repeats: readonly ("a" | "b" | "neither")[];
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Values between rows, before the first matrix, and behind it. */
  readonly gap: number;
}

/** An operand in a larger array, with gaps that hold NaN: none of it may be read. */
export function operandOf(one: Case, name: "a" | "b", seed: number) {
  const { m, n, k, batch, repeats, gap } = one;
  const isTransposed = name === "a" ? one.transposeA : one.transposeB;
  const [outer, inner] = name === "a" ? [m, k] : [k, n];
  const [rows, columns] = isTransposed ? [inner, outer] : [outer, inner];
  const leading = columns + gap;
  const batchStrides = batch.map(() => 0);
  let stride = rows * leading + gap;
  for (let axis = batch.length - 1; axis >= 0; axis--) {
    if (repeats[axis] === name) continue;
    batchStrides[axis] = stride;
    stride *= batch[axis]!;
  }
  const source = randomFloats(seed, gap + stride);
  const values = new Float32Array(source.length).fill(Number.NaN);
  for (let matrix = gap; matrix < source.length; matrix += rows * leading + gap) {
    for (let row = 0; row < rows; row++) {
      const first = matrix + row * leading;
      values.set(source.subarray(first, first + columns), first);
    }
  }
  return { values, offset: gap, leading, batchStrides };
}

export type Operand = ReturnType<typeof operandOf>;

/** The product in float64, of the values or of their magnitudes. */
export function productOf(one: Case, operands: readonly Operand[], ofMagnitudes: boolean): Float64Array {
  const take = (values: Float32Array): Float64Array => {
    const taken = new Float64Array(values);
    if (ofMagnitudes) for (let at = 0; at < taken.length; at++) taken[at] = Math.abs(taken[at]!);
    return taken;
  };
  const [a, b] = operands.map((operand) => ({ ...operand, values: take(operand.values) }));
  const out = new Float64Array(one.batch.reduce((product, size) => product * size, one.m * one.n));
  matmul({ ...one, a: a!, b: b!, out });
  return out;
}

export const describeCase = ({ batch, m, n, k, transposeA, transposeB, repeats, gap }: Case): string =>
  `matmul [${batch}] (${repeats}) ${m}×${k}${transposeA ? "ᵀ" : ""} · ${k}×${n}${transposeB ? "ᵀ" : ""}, gap ${gap}`;

const sizes = fc.constantFrom(0, 1, 2, 3, 4, 5, 7, 8, 9, 17, 33);
export const someCase: fc.Arbitrary<Case> = fc
  .array(fc.tuple(fc.constantFrom(0, 1, 2, 3, 5), fc.constantFrom("a", "b", "neither")), { maxLength: 3 })
  .chain((dimensions) =>
    fc.record({
      m: sizes,
      n: sizes,
      k: sizes,
      batch: fc.constant(dimensions.map(([size]) => size)),
      repeats: fc.constant(dimensions.map(([, repeats]) => repeats as "a" | "b" | "neither")),
      transposeA: fc.boolean(),
      transposeB: fc.boolean(),
      gap: fc.constantFrom(0, 0, 1, 3),
    }),
  );

export const plain = { batch: [], repeats: [], transposeA: false, transposeB: false, gap: 0 } as const;
export const transposes = [false, true].flatMap((transposeA) =>
  [false, true].map((transposeB) => ({ transposeA, transposeB })),
);
export const large: Case[] = [
  ...transposes.map((both) => ({ ...plain, ...both, m: 65, n: 63, k: 130 })),
  ...transposes.map((both) => ({ ...plain, ...both, m: 2, n: 3, k: 65_536 })),
  { ...plain, m: 5, n: 7, k: 40_001, transposeA: true },
  { ...plain, m: 4, n: 1, k: 5000, batch: [3], repeats: ["a"], gap: 1 },
  { ...plain, m: 1, n: 4, k: 70_001, transposeA: true, transposeB: true },
  { ...plain, m: 1, n: 4097, k: 3 },
  { ...plain, m: 1027, n: 1, k: 9 },
  { ...plain, m: 3, n: 5, k: 4, batch: [700], repeats: ["b"] },
  { ...plain, m: 4, n: 4, k: 4, batch: [300], repeats: ["neither"] },
];
