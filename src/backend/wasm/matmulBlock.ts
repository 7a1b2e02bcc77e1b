import type { Body, Callable } from "./body.ts";
import { i32 } from "./instructions.ts";
import { load } from "./matmulArguments.ts";
import { addPackCopied, addPackTransposed, type Pack } from "./matmulPack.ts";
import { addStrip, type Layout, type Strip, tileColumns, tileRows } from "./matmulTile.ts";
import type { ModuleBuilder } from "./moduleBuilder.ts";
import { constant, type Value } from "./value.ts";

/** Products of a sum that are added in registers; the sums of such blocks are added in order. It decides the bits of a product. */
export const blockDepth = 256;
/** Rows of a that are packed at once: 128 KiB, so that they stay in a second-level cache beside the panels of b. */
const blockRows = 128;
/** Most columns of a block. */
export const mostColumns = 512;

/** One row of the widest strip. */
const spillBytes = 128;
const aBytes = 4 * blockRows * blockDepth;
const bBytes = 4 * mostColumns * blockDepth;
/** Memory that a thread needs for itself. */
export const matmulScratchBytes = spillBytes + aBytes + bBytes;

type Address = Value<"i32">;

/** The smaller one. */
export function least(body: Body, a: Address, b: Address | number): Address {
  const value = body.let(a);
  return body.let(i32.select(value, b, i32.ltU(value, b)));
}

export const blockParameters = ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"] as const;
export type Block = Callable<typeof blockParameters, undefined>;

/** Two functions that pack, for values side by side along the rows of a (or columns of b), and along k. */
interface Packs {
  readonly copied: Pack;
  readonly transposed: Pack;
}

/** A range of op(a) or op(b): where it begins, its distances, its rows or columns, and its k. */
interface Range {
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

/** Functions for tiles of four rows, and of one to three. */
interface Strips {
  readonly whole: Strip;
  readonly rest: readonly Strip[];
}

/** Rows of a times eight columns of b; words as the parameters of a strip. */
interface Columns {
  readonly a: Address;
  readonly aPanel: Address;
  readonly aStep: Address;
  readonly rows: Address;
  readonly b: Address;
  readonly bStep: Address;
  readonly depth: Address;
  readonly out: Address;
  readonly outRow: Address;
  readonly columns: Address;
  readonly accumulate: Address;
  readonly spill: Address;
}

function multiply(body: Body, { whole, rest }: Strips, at: Columns): void {
  const right = [at.b, at.bStep, at.depth] as const;
  const end = [at.outRow, at.columns, at.accumulate, at.spill] as const;
  const panels = body.let(i32.shrU(at.rows, 2));
  body.if(panels, () => body.call(whole, at.a, at.aPanel, at.aStep, panels, ...right, at.out, ...end));
  const restRows = body.let(i32.and(at.rows, 3));
  body.if(restRows, () => {
    const a = body.let(i32.add(at.a, i32.mul(panels, at.aPanel)));
    const out = body.let(i32.add(at.out, i32.mul(i32.shl(panels, 2), at.outRow)));
    rest.forEach((strip, index) =>
      body.if(i32.eq(restRows, index + 1), () => body.call(strip, a, at.aPanel, at.aStep, 1, ...right, out, ...end)),
    );
  });
}

/**
 * Adds `block(a, b, out, rows, columns, k, args, scratch)`: a block of out with whole sums over k, of op(a) from address a on and op(b) from
 * address b on. Distances and flags are read from args.
 */
export function addBlock(builder: ModuleBuilder, useMadd: boolean): Block {
  const stripsOf = (layout: Layout) => {
    const strips = (vectors: number): Strips => ({
      whole: addStrip(builder, { rows: tileRows, vectors, layout, useMadd }),
      rest: [1, 2, 3].map((rows) => addStrip(builder, { rows, vectors, layout, useMadd })),
    });
    return { narrow: strips(1), wide: strips(2) };
  };
  const strips = { panels: stripsOf("panels"), rows: stripsOf("rows") };
  const packsOf = (width: 4 | 8): Packs => ({
    copied: addPackCopied(builder, width),
    transposed: addPackTransposed(builder, width),
  });
  const [packsOfA, packsOfB] = [packsOf(tileRows), packsOf(tileColumns)];

  // Of few rows, wide pieces: b, which is read once, is read in order, and there are enough sums to hide the time that an addition takes.
  const wideVectors = [8, 4, 4];
  const wideStrips = wideVectors.map((vectors, index) => {
    const rows = index + 1;
    const layouts = (["panels", "rows"] as const).map((layout) =>
      addStrip(builder, { rows, vectors, layout, useMadd }),
    );
    return { vectors, panels: layouts[0]!, rows: layouts[1]! };
  });

  /** As many columns as whole wide strips cover, where rows are one to three and b is not packed. @returns the first column behind */
  const multiplyWide = (body: Body, layout: Layout, at: Omit<Columns, "columns">, of: RowsOfB): Address => {
    const first = body.variable("i32", 0);
    wideStrips.forEach((strip, index) => {
      const width = 4 * strip.vectors;
      body.if(i32.and(i32.eq(at.rows, index + 1), i32.eq(of.columnBytes, 4)), () => {
        body.block((end) =>
          body.loop((next) => {
            body.branchIf(end, i32.gtU(i32.add(first, width), of.columns));
            const bytes = body.let(i32.shl(first, 2));
            const left = [at.a, at.aPanel, at.aStep, 1, i32.add(at.b, bytes), at.bStep, at.depth] as const;
            body.call(strip[layout], ...left, i32.add(at.out, bytes), at.outRow, width, at.accumulate, at.spill);
            body.set(first, i32.add(first, width));
            body.branch(next);
          }),
        );
      });
    });
    return first;
  };

  /** All columns of a block times rows of a that lie in panels or as they are. */
  const multiplyRows = (body: Body, layout: Layout, at: Omit<Columns, "columns">, of: RowsOfB): void =>
    body.for({ from: multiplyWide(body, layout, at, of), to: of.columns, by: tileColumns }, (left) => {
      const leftBytes = body.let(i32.shl(left, 2));
      const b = body.let(i32.add(at.b, i32.mul(left, of.columnBytes)));
      const columns = least(body, i32.sub(of.columns, left), tileColumns);
      const place = { ...at, b, columns, out: body.let(i32.add(at.out, leftBytes)) };
      const { narrow, wide } = strips[layout];
      body.if(
        i32.gtU(columns, 4),
        () => multiply(body, wide, place),
        () => multiply(body, narrow, place),
      );
    });

  return builder.function({ parameters: blockParameters }, (body, ...parameters) => {
    const [a, b, out, rows, columns, k, args, scratch] = parameters;
    const [aLane, aDeep] = [body.let(load(args, "aLane")), body.let(load(args, "aDeep"))];
    const [bLane, bDeep] = [body.let(load(args, "bLane")), body.let(load(args, "bDeep"))];
    const [packA, packB] = [body.let(load(args, "packA")), body.let(load(args, "packB"))];
    const outRow = body.let(load(args, "outRow"));
    const added = body.let(load(args, "accumulate"));
    const aPanels = body.let(i32.add(scratch, spillBytes));
    const bPanels = body.let(i32.add(scratch, spillBytes + aBytes));
    const done = body.variable("i32", 0);
    body.loop((next) => {
      const depth = least(body, i32.sub(k, done), blockDepth);
      const rangeOfB = {
        from: body.let(i32.add(b, i32.mul(done, bDeep))),
        lane: bLane,
        deep: bDeep,
        lanes: columns,
        depth,
      };
      body.if(packB, () => pack(body, packsOfB, rangeOfB, bPanels));
      const ofB = { columns, columnBytes: body.let(i32.select(i32.shl(depth, 2), 4, packB)) };
      body.for({ from: 0, to: rows, by: blockRows }, (top) => {
        const from = body.let(i32.add(a, i32.add(i32.mul(done, aDeep), i32.mul(top, aLane))));
        const lanes = least(body, i32.sub(rows, top), blockRows);
        body.if(packA, () => pack(body, packsOfA, { from, lane: aLane, deep: aDeep, lanes, depth }, aPanels));
        const at = {
          rows: lanes,
          b: body.let(i32.select(bPanels, rangeOfB.from, packB)),
          bStep: body.let(i32.select(constant("i32", 4 * tileColumns), bDeep, packB)),
          depth,
          out: body.let(i32.add(out, i32.mul(top, outRow))),
          outRow,
          accumulate: body.let(i32.or(added, i32.ne(done, 0))),
          spill: scratch,
        };
        const inRows = { ...at, a: from, aPanel: body.let(i32.shl(aLane, 2)), aStep: aLane };
        const inPanels = {
          ...at,
          a: body.let(i32.select(aPanels, from, packA)),
          aPanel: body.let(i32.select(i32.shl(depth, 4), 4 * tileRows, packA)),
          aStep: body.let(i32.select(constant("i32", 4 * tileRows), aDeep, packA)),
        };
        body.if(
          i32.or(packA, i32.eq(aLane, 4)),
          () => multiplyRows(body, "panels", inPanels, ofB),
          () => multiplyRows(body, "rows", inRows, ofB),
        );
      });
      body.set(done, i32.add(done, depth));
      body.branchIf(next, i32.ltU(done, k));
    });
  });
}

interface RowsOfB {
  readonly columns: Address;
  /** Bytes from a column to the next, of the first k. */
  readonly columnBytes: Address;
}
