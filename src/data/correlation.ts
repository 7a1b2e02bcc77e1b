// How much the numbers of a column say about the target.

import { numberIn } from "./cellValues.ts";
import { type ColumnSummary, isMissingIn } from "./inspect.ts";
import { type Steps, each } from "./slices.ts";
import { labelOf } from "./spelling.ts";
import { numberOf } from "./table.ts";
import type { Task } from "./task.ts";

/** Calls `use` with the number and the row where neither it nor the target is missing. */
function* eachPair(input: ColumnSummary, target: ColumnSummary, use: (x: number, row: number) => void): Steps<void> {
  let origin: number | undefined;
  yield* each(input.column.cells.length, (row) => {
    if (isMissingIn(input, row) || isMissingIn(target, row)) return;
    const x = numberOf(input.column.cells[row]!);
    if (x === undefined) return;
    origin ??= x; // differences keep the digits of large numbers
    use(x - origin, row);
  });
}

/** r² of Pearson. */
function* squaredPearson(input: ColumnSummary, target: ColumnSummary): Steps<[number, number]> {
  const format = target.numbers?.format;
  let [n, sx, sy, sxx, sxy, syy] = [0, 0, 0, 0, 0, 0];
  let origin: number | undefined;
  yield* eachPair(input, target, (x, row) => {
    const value = numberIn(target.column.cells[row]!, format);
    if (value === undefined) return;
    origin ??= value;
    const y = value - origin;
    n++;
    sx += x;
    sy += y;
    sxx += x * x;
    sxy += x * y;
    syy += y * y;
  });
  return [(sxy - (sx * sy) / n) ** 2 / ((sxx - (sx * sx) / n) * (syy - (sy * sy) / n)), n];
}

/** η²: the share of the variance that is between the classes. */
function* correlationRatio(input: ColumnSummary, target: ColumnSummary): Steps<[number, number, number]> {
  const groups = new Map<string, { n: number; sum: number }>();
  let [n, sum, squares] = [0, 0, 0];
  yield* eachPair(input, target, (x, row) => {
    const label = labelOf(target.column.cells[row]!);
    const group = groups.get(label) ?? { n: 0, sum: 0 };
    groups.set(label, group);
    group.n++;
    group.sum += x;
    n++;
    sum += x;
    squares += x * x;
  });
  const between = [...groups.values()].reduce((total, group) => total + group.sum ** 2 / group.n, 0);
  return [(between - (sum * sum) / n) / (squares - (sum * sum) / n), n, groups.size];
}

/** Share of the variance that is explained, corrected for the number of rows and classes as R² is (Ezekiel): about 0 for chance. */
const corrected = (share: number, rows: number, groups: number): number =>
  rows > groups ? 1 - ((1 - share) * (rows - 1)) / (rows - groups) : 0;

/**
 * Whether whole numbers go with the target: |r| above 0.5, or η for classes, corrected for few rows.
 * Numbers that ascend in file order say nothing about classes: the file may be sorted by class.
 */
export function* goesWithTarget(input: ColumnSummary, target: ColumnSummary, task: Task): Steps<boolean> {
  if (task === "regression") {
    const [share, rows] = yield* squaredPearson(input, target);
    return corrected(share, rows, 2) > 0.25;
  }
  if (input.whole?.ascends === true) return false;
  return corrected(...(yield* correlationRatio(input, target))) > 0.25;
}
