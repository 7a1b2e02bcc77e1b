import type { Body, Callable } from "./body.ts";
import { i32 } from "./instructions.ts";
import { least } from "./least.ts";
import { addStrip, type Layout, type Strip, tileColumns, tileRows } from "./matmulTile.ts";
import type { ModuleBuilder } from "./moduleBuilder.ts";
import type { Value } from "./value.ts";

type Address = Value<"i32">;

/**
 * Parameters of rows of a times all columns of a block:
 *   - a, aPanel, aStep: as of a strip; rows: how many
 *   - b: address of the first column, with `columnBytes` from one to the next; bStep: bytes from one k to the next
 *   - depth: how many products a sum has
 *   - out, outRow, columns, accumulate: as of a strip; spill: 128 bytes of the thread's own
 */
const rowsParameters = [
  ...(["i32", "i32", "i32", "i32"] as const),
  ...(["i32", "i32", "i32", "i32"] as const),
  ...(["i32", "i32", "i32", "i32", "i32"] as const),
] as const;
export type RowsTimesColumns = Callable<typeof rowsParameters, undefined>;

/** What all strips of a call share; names as of their parameters. */
interface Operands {
  readonly a: Address;
  readonly aPanel: Address;
  readonly aStep: Address;
  readonly rows: Address;
  readonly b: Address;
  readonly bStep: Address;
  readonly columnBytes: Address;
  readonly depth: Address;
  readonly out: Address;
  readonly outRow: Address;
  readonly columns: Address;
  readonly accumulate: Address;
  readonly spill: Address;
}

/** Functions for tiles of four rows, and of one to three. */
interface Strips {
  readonly whole: Strip;
  readonly rest: readonly Strip[];
}

/** A few columns of a block, as many as a tile has or fewer. */
interface TileColumns {
  readonly left: Address;
  readonly width: Address;
}

function multiplyTiles(body: Body, { whole, rest }: Strips, of: Operands, { left, width }: TileColumns): void {
  const right = [body.let(i32.add(of.b, i32.mul(left, of.columnBytes))), of.bStep, of.depth] as const;
  const out = body.let(i32.add(of.out, i32.shl(left, 2)));
  const end = [of.outRow, width, of.accumulate, of.spill] as const;
  const panels = body.let(i32.shrU(of.rows, 2));
  body.if(panels, () => body.call(whole, of.a, of.aPanel, of.aStep, panels, ...right, out, ...end));
  const restRows = body.let(i32.and(of.rows, 3));
  body.if(restRows, () => {
    const a = body.let(i32.add(of.a, i32.mul(panels, of.aPanel)));
    const outRest = body.let(i32.add(out, i32.mul(i32.shl(panels, 2), of.outRow)));
    rest.forEach((strip, index) =>
      body.if(i32.eq(restRows, index + 1), () =>
        body.call(strip, a, of.aPanel, of.aStep, 1, ...right, outRest, ...end),
      ),
    );
  });
}

/** Vectors of wide strips of one, two and three rows. */
const wideVectors = [8, 4, 4];

/**
 * All columns that whole wide strips cover, of one to three rows, where b is not packed: b, which is read once, is read in order, and
 * there are enough sums to hide the time that an addition takes. @returns the first column behind
 */
function multiplyWide(body: Body, strips: readonly Strip[], of: Operands): Address {
  const left = body.variable("i32", 0);
  strips.forEach((strip, index) => {
    const width = 4 * wideVectors[index]!;
    body.if(i32.and(i32.eq(of.rows, index + 1), i32.eq(of.columnBytes, 4)), () => {
      const end = body.let(i32.sub(of.columns, i32.remU(of.columns, width)));
      body.for({ from: 0, to: end, by: width }, (column) => {
        const bytes = body.let(i32.shl(column, 2));
        const right = [i32.add(of.b, bytes), of.bStep, of.depth, i32.add(of.out, bytes)] as const;
        body.call(strip, of.a, of.aPanel, of.aStep, 1, ...right, of.outRow, width, of.accumulate, of.spill);
      });
      body.set(left, end);
    });
  });
  return left;
}

/** Adds the function that multiplies rows of a, lying in panels or as they are, by the columns of a block. */
export function addRowsTimesColumns(builder: ModuleBuilder, layout: Layout, useMadd: boolean): RowsTimesColumns {
  const strip = (rows: number, vectors: number): Strip => addStrip(builder, { rows, vectors, layout, useMadd });
  const strips = (vectors: number): Strips => ({
    whole: strip(tileRows, vectors),
    rest: [1, 2, 3].map((rows) => strip(rows, vectors)),
  });
  const [narrow, usual] = [strips(1), strips(2)];
  const wide = wideVectors.map((vectors, index) => strip(index + 1, vectors));
  return builder.function({ parameters: rowsParameters }, (body, ...parameters) => {
    const [a, aPanel, aStep, rows, b, bStep, columnBytes, depth, out, ...rest] = parameters;
    const [outRow, columns, accumulate, spill] = rest;
    const right = { b, bStep, columnBytes, depth, columns };
    const of = { a, aPanel, aStep, rows, ...right, out, outRow, accumulate, spill };
    body.for({ from: multiplyWide(body, wide, of), to: columns, by: tileColumns }, (left) => {
      const width = least(body, i32.sub(columns, left), tileColumns);
      body.if(
        i32.gtU(width, 4),
        () => multiplyTiles(body, usual, of, { left, width }),
        () => multiplyTiles(body, narrow, of, { left, width }),
      );
    });
  });
}
