// The arguments of a product in memory: where its kernels read what `matmulPlan.ts` has written.

import { i32 } from "./instructions.ts";
import type { Value } from "./value.ts";

/** Words of the arguments; then `axisWords` for each axis of the batch. Distances are in bytes. */
export const argument = {
  a: 0,
  b: 1,
  out: 2,
  /** From a row of op(a) to the next, and from a k to the next; from a column of op(b), and from a k. */
  aLane: 3,
  aDeep: 4,
  bLane: 5,
  bDeep: 6,
  outRow: 7,
  m: 8,
  n: 9,
  k: 10,
  /** Rows and columns that an item covers at most, and how many blocks of them there are. */
  itemRows: 11,
  itemColumns: 12,
  rowBlocks: 13,
  columnBlocks: 14,
  /** Where sums are cut into slices: how many, products in one, and the distance of their results. */
  slices: 15,
  sliceDepth: 16,
  outSlice: 17,
  outMatrix: 18,
  matrices: 19,
  /** Matrices of an item: it takes the same block of each. */
  itemMatrices: 20,
  /** Flags: sums are added to out; a, b are packed into panels. Where packB is 2, b lies in panels already. */
  accumulate: 21,
  packA: 22,
  packB: 23,
  /** Flag: rows times rows (matmulDot.ts). */
  isDot: 24,
  rank: 25,
  axes: 26,
} as const;

/** Size of an axis, and the distance of matrices of a and of b along it. */
export const axisWords = 3;

/** Reads an argument. */
export const load = (args: Value<"i32">, name: keyof typeof argument): Value<"i32"> =>
  i32.load(args, 4 * argument[name]);
