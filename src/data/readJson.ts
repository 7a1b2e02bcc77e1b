import { BadFile } from "../errors.ts";
import { defaultMissing } from "./missing.ts";
import { type Cell, type Column, type Table, quote } from "./table.ts";

const unsaid = { missingWords: defaultMissing, numberHints: {}, notes: [] };

interface Draft {
  readonly cells: Cell[];
  nested: boolean;
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return value !== null && typeof value === "object" ? "one object" : String(value).slice(0, 60);
}

function requireRow(place: string, value: unknown, row: number): object {
  if (isObject(value) && !Array.isArray(value)) return value;
  throw new BadFile({
    place: `${place}: row ${row + 1}`,
    expected: 'an object such as {"height": 1.5, "species": "oak"}',
    got: kindOf(value),
    fix: "write every row as an object with the column names as keys",
  });
}

function addCell(draft: Draft, row: number, value: unknown): void {
  while (draft.cells.length < row) draft.cells.push(null);
  if (isObject(value)) draft.nested = true;
  const scalar = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  draft.cells.push(scalar ? value : null);
}

/**
 * A table from rows that are objects, as JSON has them; a column that a row lacks is a missing cell.
 * @param place what messages call these rows
 * @throws BadFile when a row is not an object, or when there are no rows
 */
export function tableFromRows(rows: readonly unknown[], place = "rows"): Table {
  const drafts = new Map<string, Draft>();
  for (const [row, value] of rows.entries()) {
    for (const [name, cell] of Object.entries(requireRow(place, value, row))) {
      let draft = drafts.get(name);
      if (!draft) drafts.set(name, (draft = { cells: [], nested: false }));
      addCell(draft, row, cell);
    }
  }
  if (drafts.size === 0) {
    throw new BadFile({ place, expected: "at least one row", got: "none", fix: "add rows to learn from" });
  }
  const columns: Column[] = [];
  for (const [name, { cells, nested }] of drafts) {
    while (cells.length < rows.length) cells.push(null);
    columns.push({ name, cells, nested });
  }
  return { place, format: "JSON", columns, rowCount: rows.length, rowName: (row) => `row ${row + 1}`, ...unsaid };
}

const arrayOfRows = 'an array of row objects, [{"height": 1.5, "species": "oak"}, …]';

/** Whether the first line is an object by itself and another one starts below it. */
function hasObjectPerLine(text: string): boolean {
  const lines = text.trimStart();
  const end = lines.indexOf("\n");
  if (end < 0 || !lines.startsWith("{") || !lines.slice(end).trimStart().startsWith("{")) return false;
  try {
    return isObject(JSON.parse(lines.slice(0, end)));
  } catch {
    return false; // an object that goes on below its first line
  }
}

function notJson(text: string, place: string, cause: unknown): BadFile {
  if (hasObjectPerLine(text)) {
    const fix = "put the rows into one array: [{…}, {…}]";
    return new BadFile({ place, expected: arrayOfRows, got: "an object per line, as in NDJSON", fix, cause });
  }
  const got = cause instanceof Error ? quote(cause.message) : "an error";
  return new BadFile({
    place,
    expected: "valid JSON",
    got,
    fix: "check that the file is complete, from [ to ]",
    cause,
  });
}

/** Reads JSON text that is an array of row objects. */
export function readJson(text: string, place: string): Table {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw notJson(text, place, cause);
  }
  if (Array.isArray(value)) return tableFromRows(value, place);
  throw new BadFile({
    place,
    expected: arrayOfRows,
    got: kindOf(value),
    fix: "put the rows into one array at the top of the file",
  });
}
