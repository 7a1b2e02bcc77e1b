import type { Loss } from "../../graph/network.ts";
import { lossFunction } from "../../math/lossFunction.ts";
import type { Body } from "./body.ts";
import { emitExpressions } from "./emitExpression.ts";
import { exponential } from "./exponentials.ts";
import type { RowsContext } from "./graphCode.ts";
import { f32, f32x4, i32, i32x4 } from "./instructions.ts";
import { logOnePlus } from "./logarithms.ts";
import { read, turnPlace } from "./passArguments.ts";
import { type Address, sumOfLanes } from "./rowLoops.ts";
import { constant, type Value, type Variable } from "./value.ts";
import type { Floats } from "./vectorCode.ts";

/** Rows of outputs and targets, and where their gradients go; all [rows, width]. */
interface LossRows {
  readonly outputs: Address;
  readonly targets: Address;
  readonly dOutputs: Address;
  readonly width: number;
}

interface Totals {
  readonly sum: Variable<"f32x4">;
  readonly scale: Floats;
}

const lanes = [0, 1, 2, 3] as const;
const ownLanes = (): Value<"i32x4"> => i32x4.constants(0, 1, 2, 3);

/** Writes the loss of each row, its sum over the slice, and the gradients by the outputs: CPU reference in src/backend/cpu/loss.ts. */
export function emitLoss(context: RowsContext, loss: Loss, rows: LossRows): void {
  const { code, args, member, batchFirst, record } = context;
  const { body } = code;
  const sum = body.variable("f32x4", 0);
  const scale = body.let(f32x4.loadSplat(record, 4 * turnPlace.lossScale));
  if (loss === "softmaxCrossEntropy") emitCrossEntropy(context, rows, { sum, scale });
  else emitElementLoss(context, loss, rows, { sum, scale });
  const ofMember = i32.mul(member, read(args, "partialsMember"));
  const slice = i32.divU(batchFirst, read(args, "sliceRows"));
  const partial = i32.add(i32.add(read(args, "partials"), ofMember), i32.shl(slice, 2));
  body.storeLane(partial, code.let(sumOfLanes(code, sum)), 0);
}

function emitElementLoss(
  { code, rows }: RowsContext,
  loss: Exclude<Loss, "softmaxCrossEntropy">,
  { outputs, targets, dOutputs, width }: LossRows,
  { sum, scale }: Totals,
): void {
  const { body } = code;
  const bytes = body.let(i32.mul(rows, 4 * width));
  const { loss: value, slope } = lossFunction(loss);
  body.for({ from: 0, to: bytes, by: 16 }, (at) => {
    const inputs = new Map([
      ["y", body.let(f32x4.load(i32.add(outputs, at)))],
      ["t", body.let(f32x4.load(i32.add(targets, at)))],
    ]);
    const [own, derivative] = emitExpressions(code, [value, slope], inputs);
    const left = i32x4.splat(i32.shrU(i32.sub(bytes, at), 2));
    body.set(sum, f32x4.add(sum, code.keep(own!, i32x4.gtS(left, ownLanes()))));
    body.store(i32.add(dOutputs, at), f32x4.mul(derivative!, scale));
  });
}

function emitCrossEntropy(context: RowsContext, loss: LossRows, { sum, scale }: Totals): void {
  const { code, rows } = context;
  const { body } = code;
  body.for({ from: 0, to: rows, by: 4 }, (row) => {
    const four = new FourRows(context, loss, row);
    const own = four.loss();
    const isRow = i32x4.gtS(i32x4.splat(i32.sub(rows, row)), ownLanes());
    body.set(sum, f32x4.add(sum, code.keep(own, isRow)));
    four.writeSlopes(scale);
  });
}

/** What the slopes need of the loss. */
interface RowSums {
  readonly most: Variable<"f32x4">;
  /** Place of the largest logit, times four. */
  readonly place: Variable<"i32x4">;
  /** Of the exponentials and targets: sums of all but the largest logit's, and of all. */
  readonly rest: Floats;
  readonly total: Floats;
  readonly restTargets: Floats;
  readonly allTargets: Floats;
}

/** The cross entropy of four rows, one to a lane. src/backend/cpu/softmax.ts says why nothing cancels. */
class FourRows {
  readonly #context: RowsContext;
  readonly #loss: LossRows;
  readonly #row: Value<"i32">;
  /** Distances of the rows of lanes; lanes without a row repeat the last one. */
  readonly #offsets: readonly Address[];
  #sums: RowSums | undefined;

  constructor(context: RowsContext, loss: LossRows, row: Value<"i32">) {
    this.#context = context;
    this.#loss = loss;
    this.#row = row;
    const { body } = context.code;
    const last = body.let(i32.sub(context.rows, 1));
    this.#offsets = lanes.map((lane) => {
      const own = body.let(i32.add(row, lane));
      return body.let(i32.mul(i32.select(own, last, i32.ltU(own, last)), 4 * loss.width));
    });
  }

  get #body(): Body {
    return this.#context.code.body;
  }

  #load(address: Address, column: Address): Floats {
    const values = this.#offsets.reduce<Floats>(
      (vector, offset, lane) =>
        f32x4.replaceLane(vector, lane as 0, f32.load(i32.add(i32.add(address, offset), column))),
      constant("f32x4", 0),
    );
    return this.#body.let(values);
  }

  /** @param visit told the column, times four: as an address, and in all lanes */
  #eachColumn(visit: (column: Address, number: Value<"i32x4">) => void): void {
    const range = { from: 0, to: 4 * this.#loss.width, by: 4 };
    this.#body.for(range, (column) => visit(column, this.#body.let(i32x4.splat(column))));
  }

  #largest(): { most: Variable<"f32x4">; place: Variable<"i32x4"> } {
    const body = this.#body;
    const { outputs } = this.#loss;
    const most = body.variable("f32x4", this.#load(outputs, constant("i32", 0)));
    const place = body.variable("i32x4", 0);
    this.#eachColumn((column, number) => {
      const x = this.#load(outputs, column);
      const isMore = body.let(f32x4.gt(x, most));
      body.set(most, f32x4.bitselect(x, most, isMore));
      body.set(place, i32x4.bitselect(number, place, isMore));
    });
    return { most, place };
  }

  /** e to a logit less the largest; computed once more for the slopes, since rows may be of any width. */
  #exponential(column: Address, most: Floats): { shifted: Floats; e: Floats } {
    const shifted = this.#body.let(f32x4.sub(this.#load(this.#loss.outputs, column), most));
    return { shifted, e: this.#body.let(exponential(this.#context.code, shifted)) };
  }

  /** The loss of each row. */
  loss(): Floats {
    const { code } = this.#context;
    const body = this.#body;
    const { most, place } = this.#largest();
    const zero = (): Variable<"f32x4"> => body.variable("f32x4", 0);
    const [rest, restTargets, ownTarget, distance, own] = [zero(), zero(), zero(), zero(), zero()];
    this.#eachColumn((column, number) => {
      const { shifted, e } = this.#exponential(column, most);
      const t = this.#load(this.#loss.targets, column);
      const isOwn = body.let(i32x4.eq(number, place));
      body.set(rest, f32x4.add(rest, code.clear(e, isOwn)));
      body.set(restTargets, f32x4.add(restTargets, code.clear(t, isOwn)));
      body.set(own, f32x4.bitselect(e, own, isOwn));
      body.set(ownTarget, f32x4.bitselect(t, ownTarget, isOwn));
      body.set(distance, f32x4.sub(distance, code.clear(f32x4.mul(t, shifted), f32x4.eq(t, 0))));
    });
    const total = body.let(f32x4.add(own, rest));
    const allTargets = body.let(f32x4.add(restTargets, ownTarget));
    this.#sums = { most, place, rest, total, restTargets, allTargets };
    return code.madd(allTargets, logOnePlus(code, body.let(f32x4.div(rest, own))), distance);
  }

  /** Writes the gradients by the logits. */
  writeSlopes(scale: Floats): void {
    const body = this.#body;
    const { most, place, rest, total, restTargets, allTargets } = this.#sums!;
    this.#eachColumn((column, number) => {
      const { e } = this.#exponential(column, most);
      const t = this.#load(this.#loss.targets, column);
      const isOwn = body.let(i32x4.eq(number, place));
      const others = f32x4.bitselect(rest, f32x4.sub(total, e), isOwn);
      const otherTargets = f32x4.bitselect(restTargets, f32x4.sub(allTargets, t), isOwn);
      const difference = f32x4.sub(f32x4.mul(e, otherTargets), f32x4.mul(t, others));
      const slope = body.let(f32x4.mul(f32x4.div(difference, total), scale));
      for (const lane of lanes) {
        const to = i32.add(i32.add(this.#loss.dOutputs, this.#offsets[lane]!), column);
        body.if(i32.ltU(i32.add(this.#row, lane), this.#context.rows), () => body.storeLane(to, slope, lane));
      }
    });
  }
}
