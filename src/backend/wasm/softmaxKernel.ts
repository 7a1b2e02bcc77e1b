// Functions of rows of logits, four rows at a time, one to a lane: CPU reference in src/math/softmax.ts, which says why nothing cancels;
// the forms are those of shaders/softmaxRows.wgsl. Rows are taken value by value, so that their bits do not depend on how they lie.

import type { SoftmaxName } from "../tensorBackend.ts";
import type { Body } from "./body.ts";
import { boundedExponential } from "./exponentials.ts";
import { f32, f32x4, i32, i32x4 } from "./instructions.ts";
import { least } from "./least.ts";
import { logOnePlus } from "./logarithms.ts";
import { kernelParameters } from "./program.ts";
import type { Address } from "./rowLoops.ts";
import { constant, type Value, type Variable } from "./value.ts";
import { type Floats, type Mask, VectorCode, type VectorModule } from "./vectorCode.ts";

/** Words of the arguments. */
export const softmaxArgument = { a: 0, b: 1, out: 2, rows: 3, width: 4, inner: 5, itemRows: 6 } as const;

/** Values of a row whose sums are added up by themselves. */
const blockValues = 128;

const lanes = [0, 1, 2, 3] as const;

const takesValues = (name: SoftmaxName): boolean => name !== "softmax" && name !== "logSoftmax";
/** Whether results are made of exponentials, which out keeps until then. */
const keepsExponentials = (name: SoftmaxName): boolean =>
  name === "softmax" || name === "crossEntropySlope" || name === "softmaxSlope";
/** Whether values count by their distance from the one at the largest probability. */
const takesDistances = (name: SoftmaxName): boolean => name === "aboveMean" || name === "softmaxSlope";

/** Sums of four rows. */
interface Sums {
  /** Exponentials of all but the largest logit. */
  readonly rest: Variable<"f32x4">;
  /** Values of all but the largest logit, and of that. */
  readonly restValues: Variable<"f32x4">;
  readonly ownValue: Variable<"f32x4">;
  /** −Σ b · shifted, or Σ e · distance. */
  readonly total: Variable<"f32x4">;
}

/** The largest logits of four rows. */
interface Largest {
  readonly logit: Variable<"f32x4">;
  /** Its column: of several the first. */
  readonly place: Variable<"i32x4">;
  /** The values there, where they count. */
  readonly value: Floats | undefined;
}

/** Four rows of an array: where they begin. */
type Starts = readonly Address[];

class FourRows {
  readonly #code: VectorCode;
  readonly #name: SoftmaxName;
  readonly #width: Address;
  readonly #columnBytes: Address;
  readonly #a: Starts;
  readonly #b: Starts;
  readonly #out: Starts;

  constructor(code: VectorCode, name: SoftmaxName, at: { width: Address; columnBytes: Address; starts: Starts[] }) {
    [this.#code, this.#name, this.#width, this.#columnBytes] = [code, name, at.width, at.columnBytes];
    [this.#a, this.#b, this.#out] = at.starts as [Starts, Starts, Starts];
  }

  get #body(): Body {
    return this.#code.body;
  }

  #load(starts: Starts, offset: Address): Floats {
    const first = f32x4.loadSplat(i32.add(starts[0]!, offset));
    const values = lanes
      .slice(1)
      .reduce<Floats>((vector, lane) => f32x4.loadLane(i32.add(starts[lane]!, offset), vector, lane), first);
    return this.#body.let(values);
  }

  #store(offset: Address, value: Floats): void {
    for (const lane of lanes) this.#body.storeLane(i32.add(this.#out[lane]!, offset), value, lane);
  }

  #eachColumn(range: { from: Address | number; to: Address }, visit: (column: Address, offset: Address) => void): void {
    this.#body.for(range, (column) => visit(column, this.#body.let(i32.mul(column, this.#columnBytes))));
  }

  #zero(): Variable<"f32x4"> {
    return this.#body.variable("f32x4", 0);
  }

  #largest(): Largest {
    const body = this.#body;
    const logit = body.variable("f32x4", this.#load(this.#a, constant("i32", 0)));
    const place = body.variable("i32x4", 0);
    this.#eachColumn({ from: 1, to: this.#width }, (column, offset) => {
      const x = this.#load(this.#a, offset);
      const isMore = body.let(f32x4.gt(x, logit));
      body.set(logit, f32x4.bitselect(x, logit, isMore));
      body.set(place, i32x4.bitselect(i32x4.splat(column), place, isMore));
    });
    return { logit, place, value: takesDistances(this.#name) ? this.#valuesAt(place) : undefined };
  }

  /** Values at the largest logits. */
  #valuesAt(place: Value<"i32x4">): Floats {
    return lanes.reduce<Floats>(
      (vector, lane) => {
        const offset = i32.mul(i32x4.extractLane(place, lane), this.#columnBytes);
        return this.#body.let(f32x4.replaceLane(vector, lane, f32.load(i32.add(this.#b[lane]!, offset))));
      },
      constant("f32x4", 0),
    );
  }

  /** t · x; 0 where t is 0, though x be infinite: a logit of −∞ masks its class. */
  #targetTimes(t: Floats, x: Floats): Floats {
    return this.#code.clear(f32x4.mul(t, x), f32x4.eq(t, 0));
  }

  /** Adds one column to the sums. */
  #addColumn(sums: Sums, offset: Address, isOwn: Mask, largest: Largest): void {
    const [code, body] = [this.#code, this.#body];
    const shifted = body.let(f32x4.sub(this.#load(this.#a, offset), largest.logit));
    const e = body.let(boundedExponential(code, shifted));
    if (keepsExponentials(this.#name)) this.#store(offset, e);
    body.set(sums.rest, f32x4.add(sums.rest, code.clear(e, isOwn)));
    if (!takesValues(this.#name)) return;
    const value = this.#load(this.#b, offset);
    if (largest.value) {
      const distance = body.let(f32x4.sub(value, largest.value));
      body.set(sums.total, f32x4.add(sums.total, this.#targetTimes(e, distance)));
      return;
    }
    body.set(sums.restValues, f32x4.add(sums.restValues, code.clear(value, isOwn)));
    body.set(sums.ownValue, f32x4.bitselect(value, sums.ownValue, isOwn));
    body.set(sums.total, f32x4.sub(sums.total, this.#targetTimes(value, shifted)));
  }

  #sums(largest: Largest): Sums {
    const body = this.#body;
    const ownValue = this.#zero();
    const all = { rest: this.#zero(), restValues: this.#zero(), ownValue, total: this.#zero() };
    body.for({ from: 0, to: this.#width, by: blockValues }, (first) => {
      const part = { rest: this.#zero(), restValues: this.#zero(), ownValue, total: this.#zero() };
      const left = least(body, i32.sub(this.#width, first), blockValues);
      this.#eachColumn({ from: first, to: i32.add(first, left) }, (column, offset) => {
        const isOwn = body.let(i32x4.eq(i32x4.splat(column), largest.place));
        this.#addColumn(part, offset, isOwn, largest);
      });
      for (const name of ["rest", "restValues", "total"] as const)
        body.set(all[name], f32x4.add(all[name], part[name]));
    });
    // NaN where the largest is not finite: a row of −∞ only has no probabilities, and one with ∞ has diverged.
    body.set(all.rest, f32x4.add(all.rest, f32x4.sub(largest.logit, largest.logit)));
    return all;
  }

  /** Writes the results. @param result where crossEntropy writes its four, up to `count` */
  write(result: { readonly address: Address; readonly rows: Address }): void {
    const [code, body] = [this.#code, this.#body];
    const largest = this.#largest();
    const sums = this.#sums(largest);
    if (this.#name === "crossEntropy") {
      const values = body.let(f32x4.add(sums.restValues, sums.ownValue));
      const loss = body.let(code.madd(values, logOnePlus(code, sums.rest), sums.total));
      body.storeLane(result.address, loss, 0);
      for (const lane of [1, 2, 3] as const)
        body.if(i32.gtU(result.rows, lane), () => body.storeLane(result.address, loss, lane, 4 * lane));
      return;
    }
    const valueOf = this.#results(sums, largest);
    this.#eachColumn({ from: 0, to: this.#width }, (column, offset) =>
      this.#store(offset, body.let(valueOf(column, offset))),
    );
  }

  /** How the result of a column is computed; what they share is computed here. */
  #results(sums: Sums, { logit, place, value }: Largest) {
    const [code, body, name] = [this.#code, this.#body, this.#name];
    const all = body.let(f32x4.add(sums.rest, 1));
    const exponential = (offset: Address): Floats => this.#load(this.#out, offset);
    if (name === "softmax") return (_: Address, offset: Address): Floats => f32x4.div(exponential(offset), all);
    if (name === "logSoftmax") {
      const logSum = body.let(logOnePlus(code, sums.rest));
      return (_: Address, offset: Address): Floats => f32x4.sub(f32x4.sub(this.#load(this.#a, offset), logit), logSum);
    }
    if (name === "crossEntropySlope") return this.#slopes(sums, all, place);
    const mean = body.let(f32x4.div(sums.total, all));
    const aboveMean = (offset: Address): Floats =>
      body.let(f32x4.sub(f32x4.sub(this.#load(this.#b, offset), value!), mean));
    if (name === "aboveMean") return (_: Address, offset: Address): Floats => aboveMean(offset);
    return (_: Address, offset: Address): Floats =>
      this.#targetTimes(body.let(f32x4.div(exponential(offset), all)), aboveMean(offset));
  }

  /** Slopes p · Σt − t; that of the largest by the targets and probabilities of the others, of which nothing cancels. */
  #slopes({ rest, restValues, ownValue }: Sums, all: Floats, place: Value<"i32x4">) {
    const [code, body] = [this.#code, this.#body];
    const share = body.let(f32x4.div(1, all));
    const perExponential = body.let(f32x4.mul(share, f32x4.add(restValues, ownValue)));
    const ofLargest = body.let(f32x4.mul(share, code.nmadd(ownValue, rest, restValues)));
    return (column: Address, offset: Address): Floats => {
      const product = f32x4.mul(this.#load(this.#out, offset), perExponential);
      const ofOther = f32x4.sub(product, this.#load(this.#b, offset));
      return f32x4.bitselect(ofLargest, ofOther, i32x4.eq(i32x4.splat(column), place));
    };
  }
}

/** Adds the kernel of a function of rows. */
export function addSoftmax(module: VectorModule, name: SoftmaxName) {
  return module.builder.function({ parameters: kernelParameters }, (body, args, item) => {
    const code = new VectorCode(module, body);
    const load = (field: keyof typeof softmaxArgument): Address => body.let(i32.load(args, 4 * softmaxArgument[field]));
    const [rows, width, inner, itemRows] = [load("rows"), load("width"), load("inner"), load("itemRows")];
    const arrays = [load("a"), load("b"), load("out")];
    const columnBytes = body.let(i32.shl(inner, 2));
    const outerBytes = body.let(i32.mul(columnBytes, width));
    const first = body.let(i32.mul(item, itemRows));
    body.for({ from: first, to: least(body, i32.add(first, itemRows), rows), by: 4 }, (row) => {
      // Lanes without a row repeat the last one: they write what it writes.
      const offsets = lanes.map((lane) => {
        const own = least(body, i32.add(row, lane), body.let(i32.sub(rows, 1)));
        const outer = body.let(i32.divU(own, inner));
        const within = i32.sub(own, i32.mul(outer, inner));
        return body.let(i32.add(i32.mul(outer, outerBytes), i32.shl(within, 2)));
      });
      const starts = arrays.map((array) => offsets.map((offset) => body.let(i32.add(array, offset))));
      const result = { address: body.let(i32.add(arrays[2]!, i32.shl(row, 2))), rows: body.let(i32.sub(rows, row)) };
      new FourRows(code, name, { width, columnBytes, starts }).write(result);
    });
  });
}
