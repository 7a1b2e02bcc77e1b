import { BadFile } from "../errors.ts";
import type { Cell } from "./cell.ts";
import { defaultMissing } from "./missing.ts";
import { type Steps, runSteps } from "./slices.ts";
import { type Column, type RawTable, type Table, quote } from "./table.ts";

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

export function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return isObject(value) ? "one object" : String(value).slice(0, 60);
}

function requireRow(place: string, rowName: string, value: unknown): Record<string, unknown> {
  if (isObject(value) && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new BadFile({
    place: `${place}: ${rowName}`,
    expected: 'an object such as {"height": 1.5, "species": "oak"}',
    got: kindOf(value),
    fix: "write every row as an object with the column names as keys",
  });
}

const cellOf = (value: unknown): Cell =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;

/** A table may have this many empty cells, or `emptyPerCell` for each cell that is present. */
const emptyCells = 1_000_000;
const emptyPerCell = 20;
const rowsPerStep = 500;

interface Draft {
  readonly cells: Cell[];
  nested: boolean;
}

/** Rows with keys of their own make a table whose size is the square of the file's: refused before it is built. */
function requireDense(place: string, rows: number, names: ReadonlySet<string>, present: number): void {
  const all = rows * names.size;
  if (all - present <= Math.max(emptyCells, emptyPerCell * present)) return;
  const got = `${names.size} different keys in ${rows} rows, ${present} of ${all} cells present, among them ${quote([...names].at(-1)!)}`;
  const fix = "write every row with the same keys; turn keys that are values into a column";
  throw new BadFile({ place, expected: "rows that share their keys", got, fix });
}

/** Builds columns from row objects; a key that a row lacks is a missing cell. */
export function* buildTable(
  rows: readonly unknown[],
  place: string,
  rowName: (row: number) => string,
): Steps<Omit<RawTable, "format">> {
  const names = new Set<string>();
  let present = 0;
  for (const [row, value] of rows.entries()) {
    for (const name of Object.keys(requireRow(place, rowName(row), value))) {
      names.add(name);
      present++;
    }
    if (row % rowsPerStep === rowsPerStep - 1) yield (0.5 * rowsPerStep) / rows.length;
  }
  if (names.size === 0) {
    throw new BadFile({ place, expected: "at least one row", got: "none", fix: "add rows" });
  }
  requireDense(place, rows.length, names, present);
  const drafts = new Map<string, Draft>();
  for (const name of names) {
    drafts.set(name, { cells: rows.map((): Cell => null), nested: false });
    yield 0;
  }
  for (const [row, value] of rows.entries()) {
    for (const [name, cell] of Object.entries(value as object)) {
      const draft = drafts.get(name)!;
      draft.cells[row] = cellOf(cell);
      if (isObject(cell)) draft.nested = true;
    }
    if (row % rowsPerStep === rowsPerStep - 1) yield (0.5 * rowsPerStep) / rows.length;
  }
  const columns = [...drafts].map(([name, draft]): Column => ({ name, ...draft }));
  return { columns, rowCount: rows.length, rowName, notes: [] };
}

const rowNumber = (row: number): string => `row ${row + 1}`;

/** Steps of `tableFromRows`. */
export const rowSteps = (rows: readonly unknown[], place: string): Steps<Omit<RawTable, "format">> =>
  buildTable(rows, place, rowNumber);

/**
 * A table from rows that are objects, as JSON has them; a column that a row lacks is a missing cell.
 * @param place what messages call these rows
 * @throws BadFile when a row is not an object, when there are no rows, or when nearly every row has keys of its own
 */
export function tableFromRows(rows: readonly unknown[], place = "rows"): Table {
  const table = runSteps(rowSteps(rows, place));
  return { place, format: "JSON", ...table, missingWords: defaultMissing, numberHints: {} };
}
