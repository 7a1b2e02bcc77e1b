import type { Body, Callable } from "./body.ts";
import { i32 } from "./instructions.ts";
import { least } from "./least.ts";
import { load } from "./matmulArguments.ts";
import { addRowsTimesColumns, type RowsTimesColumns } from "./matmulColumns.ts";
import { addPackCopied, addPackTransposed, type Pack } from "./matmulPack.ts";
import { aBytes, blockDepth, blockRows, spillBytes } from "./matmulScratch.ts";
import { tileColumns, tileRows } from "./matmulTile.ts";
import type { ModuleBuilder } from "./moduleBuilder.ts";
import { constant, type Value } from "./value.ts";

type Address = Value<"i32">;

export const blockParameters = ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"] as const;
/** `block(a, b, out, rows, columns, k, args, scratch)`: a block of out, of op(a) from address a on and op(b) from address b on. */
export type Block = Callable<typeof blockParameters, undefined>;

/** Two functions that pack: values side by side from row to row of op(a) (or column to column of op(b)), and along k. */
interface Packs {
  readonly copied: Pack;
  readonly transposed: Pack;
}

/** A range of op(a) or op(b): where it begins, its distances, its rows or columns, and its k. */
export interface Range {
  readonly from: Address;
  readonly lane: Address;
  readonly deep: Address;
  readonly lanes: Address;
  readonly depth: Address;
}

function pack(body: Body, { copied, transposed }: Packs, range: Range, to: Address): void {
  const operands = [range.from, range.lane, range.deep, range.lanes, range.depth, to] as const;
  body.if(
    i32.eq(range.lane, 4),
    () => body.call(copied, ...operands),
    () => body.call(transposed, ...operands),
  );
}

interface Kernels {
  readonly inPanels: RowsTimesColumns;
  readonly inRows: RowsTimesColumns;
  readonly packsOfA: Packs;
  readonly packsOfB: Packs;
}

function addKernels(builder: ModuleBuilder, useMadd: boolean): Kernels {
  const packsOf = (width: 4 | 8): Packs => ({
    copied: addPackCopied(builder, width),
    transposed: addPackTransposed(builder, width),
  });
  return {
    inPanels: addRowsTimesColumns(builder, "panels", useMadd),
    inRows: addRowsTimesColumns(builder, "rows", useMadd),
    packsOfA: packsOf(tileRows),
    packsOfB: packsOf(tileColumns),
  };
}

/** Parameters of `RowsTimesColumns` from b on: of b, and of out. */
type Columns = readonly [...Quadruple<Address>, ...Quadruple<Address>, Address];
type Quadruple<T> = readonly [T, T, T, T];

/** Rows of op(a), packed or not, times the columns of b. @param packed where panels go */
function multiplyRows(
  body: Body,
  kernels: Kernels,
  a: Range & { packA: Address; packed: Address },
  columns: Columns,
): void {
  const { from, lane, deep, lanes, depth, packA, packed } = a;
  const inPanels = (at: Address, panelBytes: Address, step: Address): void =>
    body.call(kernels.inPanels, at, panelBytes, step, lanes, ...columns);
  body.if(
    packA,
    () => {
      pack(body, kernels.packsOfA, a, packed);
      inPanels(packed, i32.shl(depth, 4), constant("i32", 4 * tileRows));
    },
    () =>
      body.if(
        i32.eq(lane, 4),
        () => inPanels(from, constant("i32", 4 * tileRows), deep),
        () => body.call(kernels.inRows, from, i32.shl(lane, 2), lane, lanes, ...columns),
      ),
  );
}

export interface Blocks {
  readonly block: Block;
  /** Packs a range of op(b) of at most `mostColumns` and `blockDepth`. */
  packColumns(body: Body, range: Range, to: Address): void;
}

/** Adds the function of blocks whose sums are taken tile by tile, and those that pack for it. */
export function addBlock(builder: ModuleBuilder, useMadd: boolean): Blocks {
  const kernels = addKernels(builder, useMadd);
  const block = builder.function({ parameters: blockParameters }, (body, ...parameters) => {
    const [a, b, out, rows, columns, k, args, scratch] = parameters;
    const [aLane, aDeep] = [body.let(load(args, "aLane")), body.let(load(args, "aDeep"))];
    const [bLane, bDeep] = [body.let(load(args, "bLane")), body.let(load(args, "bDeep"))];
    const [packA, packB] = [body.let(load(args, "packA")), body.let(load(args, "packB"))];
    const packsB = body.let(i32.eq(packB, 1));
    // Panels that are there already follow each other, each as wide as a tile.
    const panelled = i32.shl(i32.and(i32.add(columns, tileColumns - 1), -tileColumns), 2);
    const nextB = body.let(i32.select(panelled, bDeep, i32.eq(packB, 2)));
    const outRow = body.let(load(args, "outRow"));
    const aPanels = body.let(i32.add(scratch, spillBytes));
    const bPanels = body.let(i32.add(scratch, spillBytes + aBytes));
    const accumulate = body.variable("i32", load(args, "accumulate"));
    const done = body.variable("i32", 0);
    body.loop((next) => {
      const depth = least(body, i32.sub(k, done), blockDepth);
      const fromB = body.let(i32.add(b, i32.mul(done, nextB)));
      const rangeOfB = { from: fromB, lane: bLane, deep: bDeep, lanes: columns, depth };
      body.if(packsB, () => pack(body, kernels.packsOfB, rangeOfB, bPanels));
      const bStep = body.let(i32.select(constant("i32", 4 * tileColumns), bDeep, packB));
      const columnBytes = body.let(i32.select(i32.shl(depth, 2), 4, packB));
      const right = [body.let(i32.select(bPanels, fromB, packsB)), bStep, columnBytes, depth] as const;
      body.for({ from: 0, to: rows, by: blockRows }, (top) => {
        const from = body.let(i32.add(a, i32.add(i32.mul(done, aDeep), i32.mul(top, aLane))));
        const lanes = least(body, i32.sub(rows, top), blockRows);
        const outTop = body.let(i32.add(out, i32.mul(top, outRow)));
        const rangeOfA = { from, lane: aLane, deep: aDeep, lanes, depth, packA, packed: aPanels };
        multiplyRows(body, kernels, rangeOfA, [...right, outTop, outRow, columns, accumulate, scratch]);
      });
      body.set(accumulate, 1);
      body.set(done, i32.add(done, depth));
      body.branchIf(next, i32.ltU(done, k));
    });
  });
  return { block, packColumns: (body, range, to) => pack(body, kernels.packsOfB, range, to) };
}
