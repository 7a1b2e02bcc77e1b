// Arrays that are visited together, with strides: how an operation of tensors is cut into items, and where each of its rows begins.

import type { Body } from "./body.ts";
import { i32 } from "./instructions.ts";
import { least } from "./least.ts";
import type { Address } from "./rowLoops.ts";
import type { Value, Variable } from "./value.ts";

/** Words of the arguments; then of each array its address and the bytes from value to value of a row; then the outer axes. */
const argument = {
  rows: 0,
  columns: 1,
  itemRows: 2,
  itemColumns: 3,
  columnBlocks: 4,
  rank: 5,
  arrays: 6,
} as const;
const arrayWords = 2;

/** Values in the memory of a heap. */
export interface WasmArray {
  /** Of the first value, in bytes. */
  readonly address: number;
  /** Distances in values, one per axis; 0 repeats a value. */
  readonly strides: readonly number[];
}

/** Axes that a kernel walks: of each its size, then its distance in bytes for every array. */
export const axesOf = (sizes: readonly number[], arrays: readonly (readonly number[])[]): number[] =>
  sizes.flatMap((size, axis) => [size, ...arrays.map((strides) => 4 * strides[axis]!)]);

const valuesOf = (sizes: readonly number[]): number => sizes.reduce((product, size) => product * size, 1);

export interface GridWords {
  readonly words: number[];
  readonly items: number;
}

/** Cuts an operation into items of about so many values. The last axis is a row. */
export function gridOf(sizes: readonly number[], arrays: readonly WasmArray[], itemValues: number): GridWords {
  const outer = sizes.slice(0, -1);
  const [rows, columns] = [valuesOf(outer), sizes.at(-1) ?? 1];
  const itemColumns = Math.min(columns, 4 * Math.ceil(itemValues / 4));
  const itemRows = Math.max(1, Math.floor(itemValues / Math.max(1, columns)));
  const columnBlocks = Math.ceil(columns / Math.max(1, itemColumns));
  const last = sizes.length - 1;
  const words = [rows, columns, itemRows, itemColumns, columnBlocks, outer.length];
  for (const { address, strides } of arrays) words.push(address, 4 * (strides[last] ?? 0));
  const axes = axesOf(
    outer,
    arrays.map(({ strides }) => strides),
  );
  return { words: [...words, ...axes], items: Math.ceil(rows / itemRows) * columnBlocks };
}

/** Moves addresses to the place of a running index. @param axes address of the first, written by `axesOf` */
export function moveAlong(
  body: Body,
  { axes, rank }: { readonly axes: Address; readonly rank: Address },
  index: Address,
  addresses: readonly Variable<"i32">[],
): void {
  const bytes = 4 * (1 + addresses.length);
  const move = (axis: Address, place: Value<"i32">): void => {
    for (const [at, address] of addresses.entries())
      body.set(address, i32.add(address, i32.mul(place, i32.load(axis, 4 + 4 * at))));
  };
  body.if(rank, () => {
    const rest = body.variable("i32", index);
    const axis = body.variable("i32", i32.add(axes, i32.mul(i32.sub(rank, 1), bytes)));
    body.for({ from: 1, to: rank }, () => {
      const size = body.let(i32.load(axis));
      const above = body.let(i32.divU(rest, size));
      move(axis, body.let(i32.sub(rest, i32.mul(above, size))));
      body.set(rest, above);
      body.set(axis, i32.sub(axis, bytes));
    });
    move(axis, rest);
  });
}

/** What rows of an item are visited with. */
export interface GridRow {
  /** Of the first value of each array; may be assigned. */
  readonly addresses: readonly Variable<"i32">[];
  readonly columns: Address;
}

/** Bytes from value to value of each array. */
export const stepsOf = (body: Body, args: Address, count: number): Address[] =>
  Array.from({ length: count }, (_, at) => body.let(i32.load(args, 4 * (argument.arrays + arrayWords * at + 1))));

/** Visits the rows of an item. @param steps of `stepsOf`, one per array */
export function forGridRows(
  body: Body,
  { args, item, steps }: { readonly args: Address; readonly item: Address; readonly steps: readonly Address[] },
  visit: (row: GridRow) => void,
): void {
  const load = (name: keyof typeof argument): Address => body.let(i32.load(args, 4 * argument[name]));
  const [columnBlocks, itemColumns, itemRows] = [load("columnBlocks"), load("itemColumns"), load("itemRows")];
  const left = body.let(i32.mul(i32.remU(item, columnBlocks), itemColumns));
  const columns = least(body, i32.sub(load("columns"), left), itemColumns);
  const top = body.let(i32.mul(i32.divU(item, columnBlocks), itemRows));
  const end = least(body, i32.add(top, itemRows), load("rows"));
  const firsts = steps.map((step, at) =>
    body.let(i32.add(i32.load(args, 4 * (argument.arrays + arrayWords * at)), i32.mul(left, step))),
  );
  const axes = body.let(i32.add(args, 4 * (argument.arrays + arrayWords * steps.length)));
  const rank = load("rank");
  body.for({ from: top, to: end }, (row) => {
    const addresses = firsts.map((first) => body.variable("i32", first));
    moveAlong(body, { axes, rank }, row, addresses);
    visit({ addresses, columns });
  });
}
