import type { Body } from "./body.ts";
import { i32 } from "./instructions.ts";
import { least } from "./least.ts";
import { argument, axisWords, load } from "./matmulArguments.ts";
import { addBlock } from "./matmulBlock.ts";
import { addDotBlock } from "./matmulDot.ts";
import type { ModuleBuilder } from "./moduleBuilder.ts";
import type { Value } from "./value.ts";

type Address = Value<"i32">;

/** A block of out: its first row and column, and how many. */
export interface OutBlock {
  readonly top: Address;
  readonly left: Address;
  readonly rows: Address;
  readonly columns: Address;
  readonly slice: Address;
  /** First byte of its matrix of out, in its slice. */
  readonly matrix: Address;
}

/** Which block of a matrix an item is: blocks of columns vary fastest, then rows, then slices. */
function blockOf(body: Body, args: Address, place: Address): Omit<OutBlock, "matrix"> {
  const columnBlocks = body.let(load(args, "columnBlocks"));
  const rowBlocks = body.let(load(args, "rowBlocks"));
  const rest = body.let(i32.divU(place, columnBlocks));
  const itemRows = body.let(load(args, "itemRows"));
  const itemColumns = body.let(load(args, "itemColumns"));
  const top = body.let(i32.mul(i32.remU(rest, rowBlocks), itemRows));
  const left = body.let(i32.mul(i32.remU(place, columnBlocks), itemColumns));
  return {
    top,
    left,
    rows: least(body, i32.sub(load(args, "m"), top), itemRows),
    columns: least(body, i32.sub(load(args, "n"), left), itemColumns),
    slice: body.let(i32.divU(rest, rowBlocks)),
  };
}

/** Runs code for each block of out that belongs to an item: the same of one or several matrices. */
export function forBlocks(
  body: Body,
  args: Address,
  item: Address,
  build: (block: OutBlock, matrix: Address) => void,
): void {
  const blocks = body.let(i32.mul(i32.mul(load(args, "columnBlocks"), load(args, "rowBlocks")), load(args, "slices")));
  const itemMatrices = body.let(load(args, "itemMatrices"));
  const block = blockOf(body, args, body.let(i32.remU(item, blocks)));
  const first = body.let(i32.mul(i32.divU(item, blocks), itemMatrices));
  const last = least(body, i32.add(first, itemMatrices), body.let(load(args, "matrices")));
  body.for({ from: first, to: last }, (matrix) => {
    const ofSlice = i32.mul(block.slice, load(args, "outSlice"));
    const ofMatrix = i32.mul(matrix, load(args, "outMatrix"));
    build({ ...block, matrix: body.let(i32.add(i32.add(load(args, "out"), ofSlice), ofMatrix)) }, matrix);
  });
}

/** Where the matrices of a place in the batch begin. */
function matricesOf(body: Body, args: Address, matrix: Address): { a: Address; b: Address } {
  const a = body.variable("i32", load(args, "a"));
  const b = body.variable("i32", load(args, "b"));
  const rest = body.variable("i32", matrix);
  const rank = body.let(load(args, "rank"));
  const axis = body.variable("i32", i32.add(args, i32.mul(rank, 4 * axisWords)));
  body.for({ from: 0, to: rank }, () => {
    body.set(axis, i32.sub(axis, 4 * axisWords));
    const size = body.let(i32.load(axis, 4 * argument.axes));
    const index = body.let(i32.remU(rest, size));
    body.set(a, i32.add(a, i32.mul(index, i32.load(axis, 4 * argument.axes + 4))));
    body.set(b, i32.add(b, i32.mul(index, i32.load(axis, 4 * argument.axes + 8))));
    body.set(rest, i32.divU(rest, size));
  });
  return { a, b };
}

/** Adds the kernel of products, `matmul(args, item, scratch, turn)`. */
export function addMatmul(builder: ModuleBuilder, useMadd: boolean) {
  const { block } = addBlock(builder, useMadd);
  const dotBlock = addDotBlock(builder, useMadd);
  return builder.kernel((body, ...[args, item, scratch]) => {
    forBlocks(body, args, item, ({ top, left, rows, columns, slice, matrix: out }, matrix) => {
      const { a, b } = matricesOf(body, args, matrix);
      const depth = body.let(load(args, "sliceDepth"));
      const deep = body.let(i32.mul(slice, depth));
      const ofA = i32.add(i32.mul(top, load(args, "aLane")), i32.mul(deep, load(args, "aDeep")));
      const ofB = i32.add(i32.mul(left, load(args, "bLane")), i32.mul(deep, load(args, "bDeep")));
      const ofOut = i32.add(i32.mul(top, load(args, "outRow")), i32.shl(left, 2));
      const k = least(body, i32.sub(load(args, "k"), deep), depth);
      const [fromA, fromB] = [body.let(i32.add(a, ofA)), body.let(i32.add(b, ofB))];
      const operands = [fromA, fromB, body.let(i32.add(out, ofOut)), rows, columns, k, args, scratch] as const;
      body.if(
        load(args, "isDot"),
        () => body.call(dotBlock, ...operands),
        () => body.call(block, ...operands),
      );
    });
  });
}
