// Softmax and its cross entropy of four rows of logits, one to a lane: in memory of any width, or in locals as straight-line code. CPU
// reference: src/math/softmax.ts, which says why nothing cancels; the forms are those of shaders/softmaxRows.wgsl.

import { boundedExponential } from "./exponentials.ts";
import { f32x4, i32, i32x4 } from "./instructions.ts";
import { least } from "./least.ts";
import { logOnePlus } from "./logarithms.ts";
import type { Address } from "./rowLoops.ts";
import { constant, type Operand, type Variable } from "./value.ts";
import type { Floats, Mask, VectorCode } from "./vectorCode.ts";

/** One column of four rows. Its values may be used often. */
export interface Column {
  /** In all lanes. */
  readonly number: Operand<"i32x4">;
  logit(): Floats;
  /** The value that counts beside the logit: a target. */
  value(): Floats;
  /** Keeps the column's exponential, for `kept`. */
  keep(exponential: Floats): void;
  kept(): Floats;
}

type VisitColumn = (column: Column) => void;

export interface FourRows {
  /** Visits the columns in order. */
  each(visit: VisitColumn): void;
  /** The same in blocks, whose sums are added up by themselves. */
  blocks(visit: (each: (visit: VisitColumn) => void) => void): void;
}

/** Values of a row whose sums are added up by themselves. */
const blockValues = 128;
const lanes = [0, 1, 2, 3] as const;

/** Rows in memory: the addresses of the four rows of logits, of values and of results, and the distance of columns in bytes. */
export class RowsInMemory implements FourRows {
  readonly #code: VectorCode;
  readonly #width: Operand<"i32">;
  readonly #columnBytes: Operand<"i32">;
  readonly #starts: readonly (readonly Address[])[];

  /** @param starts lanes without a row repeat another: they write what it writes */
  constructor(
    code: VectorCode,
    at: { width: Operand<"i32">; columnBytes: Operand<"i32">; starts: readonly (readonly Address[])[] },
  ) {
    [this.#code, this.#width, this.#columnBytes, this.#starts] = [code, at.width, at.columnBytes, at.starts];
  }

  #load(array: number, offset: Address): Floats {
    const [first, ...others] = this.#starts[array]!;
    return this.#code.let(
      others.reduce<Floats>(
        (vector, start, at) => f32x4.loadLane(i32.add(start, offset), vector, (at + 1) as 1 | 2 | 3),
        f32x4.loadSplat(i32.add(first!, offset)),
      ),
    );
  }

  /** Values of the second array in a column of each lane's own. */
  valuesIn(columns: Mask): Floats {
    const { body } = this.#code;
    return lanes.reduce<Floats>(
      (vector, lane) => {
        const offset = i32.mul(i32x4.extractLane(columns, lane), this.#columnBytes);
        return body.let(f32x4.loadLane(i32.add(this.#starts[1]![lane]!, offset), vector, lane));
      },
      constant("f32x4", 0),
    );
  }

  #range(from: Operand<"i32">, to: Operand<"i32">, visit: VisitColumn): void {
    const { body } = this.#code;
    body.for({ from, to }, (column) => {
      const offset = body.let(i32.mul(column, this.#columnBytes));
      visit({
        number: body.let(i32x4.splat(column)),
        logit: () => this.#load(0, offset),
        value: () => this.#load(1, offset),
        keep: (value) => this.store(offset, value),
        kept: () => this.#load(2, offset),
      });
    });
  }

  /** Writes results of a column. */
  store(offset: Address, value: Floats): void {
    for (const lane of lanes) this.#code.body.storeLane(i32.add(this.#starts[2]![lane]!, offset), value, lane);
  }

  each(visit: VisitColumn): void {
    this.#range(0, this.#width, visit);
  }

  blocks(visit: (each: (visit: VisitColumn) => void) => void): void {
    const { body } = this.#code;
    if (typeof this.#width === "number" && this.#width <= blockValues) return visit((own) => this.each(own));
    body.for({ from: 0, to: this.#width, by: blockValues }, (first) => {
      const width = typeof this.#width === "number" ? constant("i32", this.#width) : this.#width;
      const end = i32.add(first, least(body, i32.sub(width, first), blockValues));
      visit((own) => this.#range(first, end, own));
    });
  }
}

/** Rows in locals. */
export class RowsInLocals implements FourRows {
  readonly #columns: readonly Column[];

  constructor(logits: readonly Floats[], values: readonly Floats[]) {
    this.#columns = logits.map((logit, number): Column => {
      let kept: Floats;
      return {
        number,
        logit: () => logit,
        value: () => values[number]!,
        keep: (value) => void (kept = value),
        kept: () => kept,
      };
    });
  }

  each(visit: VisitColumn): void {
    this.#columns.forEach(visit);
  }

  blocks(visit: (each: (visit: VisitColumn) => void) => void): void {
    visit((own) => this.each(own));
  }
}

/** The largest logits of four rows, and their columns: of several the first. */
export interface Largest {
  readonly logit: Variable<"f32x4">;
  readonly place: Variable<"i32x4">;
}

export function largestOf({ body }: VectorCode, rows: FourRows): Largest {
  const logit = body.variable("f32x4", Number.NEGATIVE_INFINITY);
  const place = body.variable("i32x4", 0);
  rows.each((column) => {
    const x = column.logit();
    const isMore = body.let(f32x4.gt(x, logit));
    body.set(logit, f32x4.bitselect(x, logit, isMore));
    body.set(place, i32x4.bitselect(column.number, place, isMore));
  });
  return { logit, place };
}

/** t · x; 0 where t is 0, though x be infinite: a logit of −∞ masks its class. */
export const targetTimes = (code: VectorCode, t: Floats, x: Floats): Floats =>
  code.clear(f32x4.mul(t, x), f32x4.eq(t, 0));

/** Sums of four rows. */
export interface RowSums {
  /** Exponentials of all but the largest logit, whose own is 1. */
  readonly rest: Variable<"f32x4">;
  /** Values of all but the largest logit, and of that. */
  readonly restValues: Variable<"f32x4">;
  readonly ownValue: Variable<"f32x4">;
  /** −Σ value · shifted, or Σ e · distance. */
  readonly total: Variable<"f32x4">;
}

/** What is summed beside the exponentials: nothing, values as targets, or values by their distance from others, one for each lane. */
export type Summed = "nothing" | "values" | { readonly from: Floats };

/** Sums up the rows. @param keeps whether each column keeps its exponential */
export function sumRows(
  code: VectorCode,
  rows: FourRows,
  largest: Largest,
  { keeps, summed }: { readonly keeps: boolean; readonly summed: Summed },
): RowSums {
  const { body } = code;
  const zero = (): Variable<"f32x4"> => body.variable("f32x4", 0);
  const ownValue = zero();
  const all = { rest: zero(), restValues: zero(), ownValue, total: zero() };
  const addTo = (sums: RowSums, name: "rest" | "restValues" | "total", value: Floats): void =>
    body.set(sums[name], f32x4.add(sums[name], value));
  const addColumn = (sums: RowSums, column: Column): void => {
    const isOwn = body.let(i32x4.eq(column.number, largest.place));
    const shifted = body.let(f32x4.sub(column.logit(), largest.logit));
    const e = body.let(boundedExponential(code, shifted));
    if (keeps) column.keep(e);
    addTo(sums, "rest", code.clear(e, isOwn));
    if (summed === "nothing") return;
    const value = column.value();
    if (summed !== "values") {
      addTo(sums, "total", targetTimes(code, e, body.let(f32x4.sub(value, summed.from))));
      return;
    }
    addTo(sums, "restValues", code.clear(value, isOwn));
    body.set(ownValue, f32x4.bitselect(value, ownValue, isOwn));
    body.set(sums.total, f32x4.sub(sums.total, targetTimes(code, value, shifted)));
  };
  rows.blocks((each) => {
    const part = { rest: zero(), restValues: zero(), ownValue, total: zero() };
    each((column) => addColumn(part, column));
    for (const name of ["rest", "restValues", "total"] as const) addTo(all, name, part[name]);
  });
  // NaN where the largest is not finite: a row of −∞ only has no probabilities, and one with ∞ has diverged.
  addTo(all, "rest", f32x4.sub(largest.logit, largest.logit));
  return all;
}

/** −Σ t · log softmax, which keeps its digits as a probability comes near 1. */
export const crossEntropyOf = (code: VectorCode, { rest, restValues, ownValue, total }: RowSums): Floats =>
  code.madd(f32x4.add(restValues, ownValue), logOnePlus(code, rest), total);

/**
 * Slopes (p · Σt − t) · scale; that of the largest by the targets and probabilities of the others, of which nothing cancels.
 * @returns the slope in a column that has kept its exponential
 */
export function crossEntropySlopes(
  code: VectorCode,
  { rest, restValues, ownValue }: RowSums,
  { place }: Largest,
  scale: Floats | 1,
): (column: Column) => Floats {
  const share = code.let(f32x4.div(scale, f32x4.add(rest, 1)));
  const perExponential = code.let(f32x4.mul(share, f32x4.add(restValues, ownValue)));
  const ofLargest = code.let(f32x4.mul(share, code.nmadd(ownValue, rest, restValues)));
  return (column) => {
    const own = scale === 1 ? column.value() : f32x4.mul(scale, column.value());
    const ofOther = f32x4.sub(f32x4.mul(column.kept(), perExponential), own);
    return code.let(f32x4.bitselect(ofLargest, ofOther, i32x4.eq(column.number, place)));
  };
}
