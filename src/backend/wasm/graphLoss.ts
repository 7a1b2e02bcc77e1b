import type { Loss } from "../../graph/network.ts";
import { lossFunction } from "../../math/losses.ts";
import { emitExpressions } from "./emitExpression.ts";
import { exponential } from "./exponentials.ts";
import type { RowsContext } from "./graphCode.ts";
import { f32, f32x4, i32, i32x4 } from "./instructions.ts";
import { naturalLogarithm } from "./logarithms.ts";
import { read, turnPlace } from "./passArguments.ts";
import { type Address, sumOfLanes } from "./rowLoops.ts";
import { constant, type Value, type Variable } from "./value.ts";
import type { Floats, VectorCode } from "./vectorCode.ts";

/** Rows of outputs and targets, and where their gradients go; all [rows, width]. */
interface LossRows {
  readonly outputs: Address;
  readonly targets: Address;
  readonly dOutputs: Address;
  readonly width: number;
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

interface Totals {
  readonly sum: Variable<"f32x4">;
  readonly scale: Floats;
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

/** log(1 + x) of x ≥ 0: log(w) · x / (w − 1) for w = 1 + x as it is rounded (Kahan). */
function logOnePlus(code: VectorCode, operand: Floats): Floats {
  const x = code.let(operand);
  const w = code.let(f32x4.add(x, 1));
  const exact = f32x4.div(f32x4.mul(naturalLogarithm(code, w), x), f32x4.sub(w, 1));
  return f32x4.bitselect(x, exact, f32x4.eq(w, 1));
}

/** Four rows at a time, one to a lane. src/backend/cpu/softmax.ts says why nothing cancels. */
function emitCrossEntropy(
  { code, rows, scratch }: RowsContext,
  { outputs, targets, dOutputs, width }: LossRows,
  { sum, scale }: Totals,
): void {
  const { body } = code;
  const last = body.let(i32.sub(rows, 1));
  body.for({ from: 0, to: rows, by: 4 }, (row) => {
    // Lanes without a row repeat the last one.
    const offsets = lanes.map((lane) => {
      const own = body.let(i32.add(row, lane));
      return body.let(i32.mul(i32.select(own, last, i32.ltU(own, last)), 4 * width));
    });
    const fromRows = (address: Address, column: Address): Floats =>
      offsets.reduce<Floats>(
        (vector, offset, lane) =>
          f32x4.replaceLane(vector, lane as 0, f32.load(i32.add(i32.add(address, offset), column))),
        constant("f32x4", 0),
      );
    const eachColumn = (visit: (column: Address, number: Value<"i32x4">) => void): void =>
      body.for({ from: 0, to: 4 * width, by: 4 }, (column) => visit(column, body.let(i32x4.splat(column))));
    const logits = (column: Address): Floats => body.let(fromRows(outputs, column));

    const most = body.variable("f32x4", fromRows(outputs, constant("i32", 0)));
    const place = body.variable("i32x4", 0);
    eachColumn((column, number) => {
      const x = logits(column);
      const isMore = body.let(f32x4.gt(x, most));
      body.set(most, f32x4.bitselect(x, most, isMore));
      body.set(place, i32x4.bitselect(number, place, isMore));
    });

    const zero = (): Variable<"f32x4"> => body.variable("f32x4", 0);
    const [rest, restTargets, ownTarget, distance, own] = [zero(), zero(), zero(), zero(), zero()];
    eachColumn((column, number) => {
      const shifted = body.let(f32x4.sub(logits(column), most));
      const e = body.let(exponential(code, shifted));
      const t = body.let(fromRows(targets, column));
      const isOwn = body.let(i32x4.eq(number, place));
      body.store(i32.add(scratch, i32.shl(column, 2)), e);
      body.set(rest, f32x4.add(rest, code.clear(e, isOwn)));
      body.set(restTargets, f32x4.add(restTargets, code.clear(t, isOwn)));
      body.set(own, f32x4.bitselect(e, own, isOwn));
      body.set(ownTarget, f32x4.bitselect(t, ownTarget, isOwn));
      body.set(distance, f32x4.sub(distance, code.clear(f32x4.mul(t, shifted), body.let(f32x4.eq(t, 0)))));
    });
    const total = body.let(f32x4.add(own, rest));
    const targetSum = body.let(f32x4.add(restTargets, ownTarget));
    const loss = code.madd(targetSum, body.let(logOnePlus(code, f32x4.div(rest, own))), distance);
    const count = i32x4.splat(i32.sub(rows, row));
    const isRow = body.let(i32x4.gtS(count, ownLanes()));
    body.set(sum, f32x4.add(sum, code.keep(loss, isRow)));

    eachColumn((column, number) => {
      const e = body.let(f32x4.load(i32.add(scratch, i32.shl(column, 2))));
      const t = body.let(fromRows(targets, column));
      const isOwn = body.let(i32x4.eq(number, place));
      const others = f32x4.bitselect(rest, f32x4.sub(total, e), isOwn);
      const otherTargets = f32x4.bitselect(restTargets, f32x4.sub(targetSum, t), isOwn);
      const difference = f32x4.sub(f32x4.mul(e, otherTargets), f32x4.mul(t, others));
      const slope = body.let(f32x4.mul(f32x4.div(difference, total), scale));
      for (const lane of lanes) {
        body.if(i32.ltU(i32.add(row, lane), rows), () =>
          body.storeLane(i32.add(i32.add(dOutputs, offsets[lane]!), column), slope, lane),
        );
      }
    });
  });
}
