import { BadFile } from "../errors.ts";
import { type Column, type Table, cellPlace, isMissing, numberOf, quote, textOf } from "./table.ts";

/** What a column was understood to hold. */
export interface ColumnSummary {
  readonly column: Column;
  readonly kind: "number" | "category" | "empty" | "nested";
  readonly missing: number;
  /** Different values, missing ones not counted. */
  readonly distinct: number;
}

/** More categories than this are not made into inputs: names and ids, where every value is its own. */
const maxCategories = 100;

/** Numbers when most cells that are present are numbers ("NaN" counts, so that it is reported and not learned). */
export function inspectColumn(column: Column): ColumnSummary {
  const values = new Set<string | number>();
  let missing = 0;
  let numbers = 0;
  for (const cell of column.cells) {
    if (isMissing(cell)) {
      missing++;
      continue;
    }
    const number = numberOf(cell);
    if (number !== undefined) numbers++;
    values.add(number ?? textOf(cell));
  }
  const present = column.cells.length - missing;
  const summary = { column, missing, distinct: values.size };
  if (column.nested) return { ...summary, kind: "nested" };
  if (present === 0) return { ...summary, kind: "empty" };
  return { ...summary, kind: numbers > present / 2 ? "number" : "category" };
}

/** Almost every row has a value of its own, as in a column of names. */
export function nearlyUnique({ column, missing, distinct }: ColumnSummary): boolean {
  return distinct > 10 && distinct > (column.cells.length - missing) / 2;
}

/** Why a column is of no use as an input; undefined when it is of use. */
export function whyUnusable(summary: ColumnSummary): string | undefined {
  const { column, kind, missing, distinct } = summary;
  const rows = column.cells.length;
  if (kind === "nested") return "holds lists or objects";
  if (kind === "empty") return "every cell is empty";
  if (distinct === 1) return "has one value only";
  if (missing > rows / 2) return `${missing} of ${rows} cells are empty`;
  if (kind === "number") return undefined;
  if (nearlyUnique(summary)) return `${distinct} different texts in ${rows} rows, as in a column of names`;
  return distinct > maxCategories ? `${distinct} different texts; ${maxCategories} are the most` : undefined;
}

/** The number in a cell of a number column. */
export function requireNumber(table: Table, row: number, { name, cells }: Column): number {
  const cell = cells[row]!;
  const number = numberOf(cell);
  if (number !== undefined && Number.isFinite(number)) return number;
  throw new BadFile({
    place: cellPlace(table, row, name),
    expected: number === undefined ? "a number" : "a finite number",
    got: quote(textOf(cell)),
    fix:
      number === undefined ? "correct the cell, or ignore this column" : "leave the cell empty if its value is unknown",
  });
}
