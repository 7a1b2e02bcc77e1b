// Functions of rows of logits, four rows at a time, one to a lane (softmaxRow.ts). Rows are taken value by value, so that their bits do not
// depend on how they lie.

import type { SoftmaxName } from "../tensorBackend.ts";
import { f32x4, i32 } from "./instructions.ts";
import { least } from "./least.ts";
import { logOnePlus } from "./logarithms.ts";
import type { Address } from "./rowLoops.ts";
import {
  type Column,
  crossEntropyOf,
  crossEntropySlopes,
  type Largest,
  largestOf,
  type RowSums,
  RowsInMemory,
  sumRows,
  targetTimes,
} from "./softmaxRow.ts";
import { type Floats, VectorCode, type VectorModule } from "./vectorCode.ts";
import { storeUpTo } from "./vectorStore.ts";

/** Words of the arguments. */
export const softmaxArgument = { a: 0, b: 1, out: 2, rows: 3, width: 4, inner: 5, itemRows: 6 } as const;

const lanes = [0, 1, 2, 3] as const;

/** Whether results are made of exponentials, which out keeps until then. */
const keepsExponentials = (name: SoftmaxName): boolean =>
  name === "softmax" || name === "crossEntropySlope" || name === "softmaxSlope";
/** Whether values count by their distance from the one at the largest probability. */
const takesDistances = (name: SoftmaxName): boolean => name === "aboveMean" || name === "softmaxSlope";
const takesTargets = (name: SoftmaxName): boolean => name === "crossEntropy" || name === "crossEntropySlope";

/** Writes the results of four rows. @param result where crossEntropy writes its four, up to `rows` */
function writeRows(
  code: VectorCode,
  name: SoftmaxName,
  rows: RowsInMemory,
  result: { readonly address: Address; readonly rows: Address },
): void {
  const { body } = code;
  const largest = largestOf(code, rows);
  const from = takesDistances(name) ? rows.valuesIn(largest.place) : undefined;
  const summed = from ? { from } : takesTargets(name) ? "values" : "nothing";
  const sums = sumRows(code, rows, largest, { keeps: keepsExponentials(name), summed });
  if (name === "crossEntropy") {
    storeUpTo(body, result.address, code.let(crossEntropyOf(code, sums)), result.rows);
    return;
  }
  const valueOf = resultsOf(code, name, { largest, sums, from });
  rows.each((column) => column.keep(code.let(valueOf(column))));
}

/** How the result of a column is computed; what they share is computed here. */
function resultsOf(
  code: VectorCode,
  name: Exclude<SoftmaxName, "crossEntropy">,
  { largest, sums, from }: { largest: Largest; sums: RowSums; from: Floats | undefined },
): (column: Column) => Floats {
  if (name === "crossEntropySlope") return crossEntropySlopes(code, sums, largest, 1);
  if (name === "logSoftmax") {
    const logSum = code.let(logOnePlus(code, sums.rest));
    return (column) => f32x4.sub(f32x4.sub(column.logit(), largest.logit), logSum);
  }
  const all = code.let(f32x4.add(sums.rest, 1));
  if (name === "softmax") return (column) => f32x4.div(column.kept(), all);
  const mean = code.let(f32x4.div(sums.total, all));
  const aboveMean = (column: Column): Floats => code.let(f32x4.sub(f32x4.sub(column.value(), from!), mean));
  if (name === "aboveMean") return aboveMean;
  return (column) => targetTimes(code, code.let(f32x4.div(column.kept(), all)), aboveMean(column));
}

/** Adds the kernel of a function of rows. */
export function addSoftmax(module: VectorModule, name: SoftmaxName) {
  return module.builder.kernel((body, args, item) => {
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
      writeRows(code, name, new RowsInMemory(code, { width, columnBytes, starts }), result);
    });
  });
}
