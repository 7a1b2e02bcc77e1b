import type { Body, Callable } from "./body.ts";
import { f32, f32x4, i32 } from "./instructions.ts";
import type { ModuleBuilder } from "./moduleBuilder.ts";
import type { Value, Variable } from "./value.ts";

// The innermost part of products: tiles of 4 × 8 values of out that stay in registers while a sum over k is taken (Goto and van de
// Geijn, "Anatomy of high-performance matrix multiplication", 2008). Eight accumulators, two vectors of b and four splats of a are 14 of
// the 15 registers that V8 has on x86. One step of k a round: V8 orders loads before arithmetic within a block of code, and two steps
// would hold more values than there are registers (measured in Node 20: 51 GFLOP/s with one, 27 with two or four).

/** Rows of a tile. */
export const tileRows = 4;
/** Columns of a tile. */
export const tileColumns = 8;

/**
 * How four rows of a lie. panels: the values of four rows are side by side, `aStep` bytes from one k to the next. rows: the values of a row
 * are side by side, `aStep` bytes from one row to the next.
 */
export type Layout = "panels" | "rows";

/**
 * Parameters of a strip: `panels` tiles one below the other, over the same columns of b.
 *   - a, aPanel: address of the first tile's rows, and bytes to those of the next; aStep as of the layout
 *   - b, bStep: address of the columns, and bytes from one k to the next
 *   - k: how many products a sum has
 *   - out, outRow: address of the first value, and bytes from one row to the next
 *   - columns: how many of the tile's columns are stored
 *   - accumulate: whether sums are added to what is there
 *   - spill: address of 32 bytes of the thread's own
 */
const stripParameters = ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"] as const;
export type Strip = Callable<typeof stripParameters, undefined>;

type Address = Value<"i32">;
export type Vector = Variable<"f32x4">;

export const allOf = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => make(at));

/** `variable += operand` */
export const advance = (body: Body, variable: Variable<"i32">, by: Address | number): void =>
  body.set(variable, i32.add(variable, by));

export interface TileOptions {
  readonly rows: number;
  /** Vectors of four columns. */
  readonly vectors: number;
  readonly layout: Layout;
  /** Whether the engine has it. */
  readonly useMadd: boolean;
}

/** What a tile reads: parameters of its strip. */
export interface TileSources {
  readonly a: Address;
  readonly aStep: Address;
  readonly b: Address;
  readonly bStep: Address;
  readonly k: Address;
  readonly columns: Address;
}

/** sum += a · b */
export const addProduct = (
  body: Body,
  sum: Vector,
  product: readonly [Value<"f32x4">, Value<"f32x4">],
  useMadd: boolean,
) => body.set(sum, useMadd ? f32x4.relaxedMadd(...product, sum) : f32x4.add(sum, f32x4.mul(...product)));

/** Σ a · b over k in registers, in the order of k. */
function sumProducts(body: Body, { rows, vectors, layout, useMadd }: TileOptions, from: TileSources): Vector[][] {
  const sums = allOf(rows, () => allOf(vectors, () => body.variable("f32x4", 0)));
  const a = allOf(layout === "rows" ? rows : 1, (row) =>
    body.variable("i32", row === 0 ? from.a : i32.add(from.a, i32.mul(from.aStep, row))),
  );
  const b = body.variable("i32", from.b);
  const left = body.variable("i32", from.k);
  body.if(left, () =>
    body.loop((next) => {
      const right = allOf(vectors, (vector) => body.let(f32x4.load(b, 16 * vector)));
      const left4 = allOf(rows, (row) =>
        body.let(layout === "rows" ? f32x4.loadSplat(a[row]!) : f32x4.loadSplat(a[0]!, 4 * row)),
      );
      sums.forEach((row, at) =>
        row.forEach((sum, vector) => addProduct(body, sum, [left4[at]!, right[vector]!], useMadd)),
      );
      for (const pointer of a) advance(body, pointer, layout === "rows" ? 4 : from.aStep);
      advance(body, b, from.bStep);
      advance(body, left, -1);
      body.branchIf(next, left);
    }),
  );
  return sums;
}

interface Target {
  readonly out: Address;
  readonly outRow: Address;
  readonly columns: Address;
  readonly accumulate: Address;
  readonly spill: Address;
}

/** Stores whole vectors. */
function storeAll(body: Body, sums: readonly Vector[][], { out, outRow, accumulate }: Target): void {
  const store = (isAdded: boolean) => (): void => {
    const at = body.variable("i32", out);
    for (const row of sums) {
      row.forEach((sum, vector) =>
        body.store(at, isAdded ? f32x4.add(f32x4.load(at, 16 * vector), sum) : sum, 16 * vector),
      );
      advance(body, at, outRow);
    }
  };
  body.if(accumulate, store(true), store(false));
}

/** Stores the first `columns` values of each row, one by one. */
function storeSome(body: Body, sums: readonly Vector[][], { out, outRow, columns, accumulate, spill }: Target): void {
  const at = body.variable("i32", out);
  const bytes = body.let(i32.shl(columns, 2));
  for (const row of sums) {
    row.forEach((sum, vector) => body.store(spill, sum, 16 * vector));
    body.for({ from: 0, to: bytes, by: 4 }, (column) => {
      const value = body.variable("f32", f32.load(i32.add(spill, column)));
      const place = body.let(i32.add(at, column));
      body.if(accumulate, () => body.set(value, f32.add(f32.load(place), value)));
      body.store(place, value);
    });
    advance(body, at, outRow);
  }
}

/** Adds the function of a strip, whose sums `sumUp` computes for one tile. */
export const stripOf = (
  builder: ModuleBuilder,
  { rows, vectors }: Pick<TileOptions, "rows" | "vectors">,
  sumUp: (body: Body, from: TileSources) => Vector[][],
): Strip =>
  builder.function({ parameters: stripParameters }, (body, ...parameters) => {
    const [a, aPanel, aStep, panels, b, bStep, k, out, outRow, columns, accumulate, spill] = parameters;
    body.loop((next) => {
      const sums = sumUp(body, { a, aStep, b, bStep, k, columns });
      const target = { out, outRow, columns, accumulate, spill };
      body.if(
        i32.eq(columns, 4 * vectors),
        () => storeAll(body, sums, target),
        () => storeSome(body, sums, target),
      );
      advance(body, a, aPanel);
      advance(body, out, i32.mul(outRow, rows));
      advance(body, panels, -1);
      body.branchIf(next, panels);
    });
  });

/** Adds the function of a strip of tiles. */
export const addStrip = (builder: ModuleBuilder, options: TileOptions): Strip =>
  stripOf(builder, options, (body, from) => sumProducts(body, options, from));
