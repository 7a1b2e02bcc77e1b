import { lossFunction } from "../../math/lossFunction.ts";
import type { ElementLoss } from "../../math/losses.ts";
import type { AnyNetwork } from "../../graph/graphNetwork.ts";
import type { Loss } from "../../graph/network.ts";
import { emitExpressions } from "./emitExpression.ts";
import type { RowsContext } from "./graphCode.ts";
import { f32x4, i32, i32x4 } from "./instructions.ts";
import { least } from "./least.ts";
import { read, turnPlace } from "./passArguments.ts";
import { type Address, firstLanes, forUnits, place, storeLanes, sumOfLanes } from "./rowLoops.ts";
import {
  crossEntropyOf,
  crossEntropySlopes,
  type FourRows,
  largestOf,
  RowsInLocals,
  RowsInMemory,
  sumRows,
} from "./softmaxRow.ts";
import type { Value } from "./value.ts";
import type { Floats, VectorCode } from "./vectorCode.ts";

/** The loss of values and its slopes by them. */
function elementLoss(code: VectorCode, loss: ElementLoss, y: Floats, t: Floats): [loss: Floats, slope: Floats] {
  const { loss: value, slope } = lossFunction(loss);
  const inputs = new Map([
    ["y", y],
    ["t", t],
  ]);
  return emitExpressions(code, [value, slope], inputs) as [Floats, Floats];
}

/** The cross entropy of four rows, and how its slope in a column is computed. Columns keep their exponentials. */
function crossEntropy(code: VectorCode, rows: FourRows, scale: Floats) {
  const largest = largestOf(code, rows);
  const sums = sumRows(code, rows, largest, { keeps: true, summed: "values" });
  return { loss: code.let(crossEntropyOf(code, sums)), slopeOf: crossEntropySlopes(code, sums, largest, scale) };
}

/**
 * The loss of four samples in locals, not scaled, and its slopes by the outputs, times a scale.
 * @param values outputs, targets and scale, which may be used often
 */
export function lossOf(
  code: VectorCode,
  loss: Loss,
  values: { readonly outputs: readonly Floats[]; readonly targets: readonly Floats[]; readonly scale: Floats },
): { loss: Floats; slopes: Floats[] } {
  const { outputs, targets, scale } = values;
  const slopes: Floats[] = [];
  if (loss === "softmaxCrossEntropy") {
    const rows = new RowsInLocals(outputs, targets);
    const own = crossEntropy(code, rows, scale);
    rows.each((column) => slopes.push(own.slopeOf(column)));
    return { loss: own.loss, slopes };
  }
  const losses = outputs.map((y, at) => {
    const [own, slope] = elementLoss(code, loss, y, targets[at]!);
    slopes.push(code.let(f32x4.mul(scale, slope)));
    return own;
  });
  return { loss: code.let(losses.reduce((sum, own) => f32x4.add(sum, own))), slopes };
}

/** Rows of outputs and targets, and where their gradients go; all [rows, width], but for targets that carry a weight. */
interface LossRows {
  readonly outputs: Address;
  readonly targets: Address;
  readonly dOutputs: Address;
}

/** Lanes that stand for one of so many values that are left. */
const lanesBefore = (left: Value<"i32">): Value<"i32x4"> => i32x4.gtS(i32x4.splat(left), i32x4.constants(0, 1, 2, 3));

/** Writes the loss of rows in memory, its sum over the slice, and the gradients by the outputs: CPU reference in src/backend/cpu/loss.ts. */
export function emitLoss(context: RowsContext, network: AnyNetwork, own: LossRows): void {
  const { code, args, member, batchFirst, record, rows } = context;
  const { loss, outputs: width } = network;
  const { outputs, targets, dOutputs } = own;
  const { body } = code;
  const sum = body.variable("f32x4", 0);
  const scale = body.let(f32x4.loadSplat(record, 4 * turnPlace.lossScale));
  const add = (value: Floats, left: Value<"i32">): void =>
    body.set(sum, f32x4.add(sum, code.keep(value, lanesBefore(left))));
  if (loss === "softmaxCrossEntropy") {
    const last = body.let(i32.sub(rows, 1));
    body.for({ from: 0, to: rows, by: 4 }, (row) => {
      const offsets = [0, 1, 2, 3].map((lane) => body.let(i32.mul(least(body, i32.add(row, lane), last), 4 * width)));
      const starts = [outputs, targets, dOutputs].map((array) =>
        offsets.map((offset) => body.let(i32.add(array, offset))),
      );
      const four = new RowsInMemory(code, { width, columnBytes: 4, starts });
      const { loss: value, slopeOf } = crossEntropy(code, four, scale);
      add(value, i32.sub(rows, row));
      four.each((column) => column.keep(slopeOf(column)));
    });
  } else if (network.isWeighted) {
    body.for({ from: 0, to: rows }, (row) => {
      const [y, d] = [outputs, dOutputs].map((array) => body.let(i32.add(array, i32.mul(row, 4 * width))));
      const t = body.let(i32.add(targets, i32.mul(row, 4 * (width + 1))));
      const weight = body.let(f32x4.loadSplat(t, 4 * width));
      forUnits(body, width, ({ index, offset, lanes }) => {
        const [output, target] = [y!, t].map((start) => body.let(f32x4.load(place(start, index), offset)));
        const [value, slope] = elementLoss(code, loss, output!, target!);
        const own = body.let(f32x4.mul(weight, value));
        body.set(sum, f32x4.add(sum, lanes === 4 ? own : code.keep(own, firstLanes(lanes))));
        const scaled = body.let(f32x4.mul(slope, f32x4.mul(scale, weight)));
        if (lanes === 4) body.store(place(d!, index), scaled, offset);
        else storeLanes(body, d!, scaled, { lanes, offset });
      });
    });
  } else {
    const bytes = body.let(i32.mul(rows, 4 * width));
    body.for({ from: 0, to: bytes, by: 16 }, (at) => {
      const [y, t] = [outputs, targets].map((array) => body.let(f32x4.load(i32.add(array, at))));
      const [value, slope] = elementLoss(code, loss, y!, t!);
      add(value, i32.shrU(i32.sub(bytes, at), 2));
      body.store(i32.add(dOutputs, at), f32x4.mul(slope, scale));
    });
  }
  const ofMember = i32.mul(member, read(args, "partialsMember"));
  const slice = i32.divU(batchFirst, read(args, "sliceRows"));
  const partial = i32.add(i32.add(read(args, "partials"), ofMember), i32.shl(slice, 2));
  body.storeLane(partial, code.let(sumOfLanes(code, sum)), 0);
}
