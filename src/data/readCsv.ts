import Papa from "papaparse";
import { BadFile } from "../errors.ts";
import { defaultMissing } from "./missing.ts";
import { type Column, type Table, isMissing, numberOf, quote } from "./table.ts";

const unsaid = { missingWords: defaultMissing, numberHints: {}, notes: [] };

interface Row {
  /** Line of the file on which the row starts, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

/** Rows that are looked at for guessing separator and header; more would not change the guess. */
const guessRows = 100;

const newlines = (cell: string): number => (cell.includes("\n") ? cell.split("\n").length - 1 : 0);

/** Gives rows their lines, which quoted line breaks shift, and leaves out the empty ones. */
function numberLines(records: readonly (readonly string[])[]): Row[] {
  const rows: Row[] = [];
  let line = 1;
  for (const cells of records) {
    const empty = cells.length === 1 && cells[0]!.trim() === "";
    if (!empty) rows.push({ line, cells });
    line += 1;
    for (const cell of cells) line += newlines(cell);
  }
  return rows;
}

function parse(text: string, place: string): { rows: Row[]; delimiter: string } {
  const { delimiter } = Papa.parse(text, { preview: guessRows, skipEmptyLines: "greedy" }).meta; // empty lines mislead its guess
  const { data, errors } = Papa.parse<string[]>(text, { delimiter, skipEmptyLines: false });
  const fault = errors.find(({ type }) => type === "Quotes");
  if (fault) {
    const line = numberLines(data.slice(0, (fault.row ?? 0) + 1)).at(-1)?.line ?? 1;
    const fix = 'close the quote, and write a quote inside a cell as ""';
    throw new BadFile({ place: `${place}: line ${line}`, expected: "closed quotes", got: fault.message, fix });
  }
  return { rows: numberLines(data), delimiter };
}

const isNumber = (cell: string | undefined): boolean => cell !== undefined && numberOf(cell) !== undefined;

/** Most of a column's cells below the first row are numbers. */
function numeric(rows: readonly Row[], column: number): boolean {
  const cells = rows.slice(1, guessRows).map((row) => row.cells[column] ?? "");
  const present = cells.filter((cell) => !isMissing(cell));
  return present.length > 0 && present.filter(isNumber).length > present.length / 2;
}

/** Text above numbers is a header; numbers above numbers, with no such text, are data; text above text is a header. */
function hasHeader(rows: readonly Row[]): boolean {
  const first = rows[0]!.cells;
  const numericColumns = first.map((_, column) => numeric(rows, column));
  if (first.some((cell, column) => numericColumns[column] && !isNumber(cell) && !isMissing(cell))) return true;
  return !first.some((cell, column) => numericColumns[column] && isNumber(cell));
}

function namesOf(header: Row | undefined, width: number, place: string): string[] {
  const names = Array.from({ length: width }, (_, column) => header?.cells[column]?.trim() || `column${column + 1}`);
  const twice = names.find((name, column) => names.indexOf(name) !== column);
  if (twice === undefined) return names;
  const expected = "column names that differ";
  const fix = "rename one of the two columns";
  throw new BadFile({ place: `${place}: line ${header?.line ?? 1}`, expected, got: `${quote(twice)} twice`, fix });
}

function requireWidth(place: string, { line, cells }: Row, width: number): void {
  if (cells.length === width) return;
  const fix = "add or remove cells in this line, and put cells that contain the separator in quotes";
  const got = `${cells.length}`;
  throw new BadFile({ place: `${place}: line ${line}`, expected: `${width} cells as in the first line`, got, fix });
}

function describe(delimiter: string): string {
  if (delimiter === "\t") return "TSV";
  return delimiter === "," ? "CSV" : `CSV separated by ${delimiter}`;
}

/** Reads comma-, tab-, semicolon- or bar-separated text; the separator and the presence of a header are guessed. */
export function readCsv(text: string, place: string): Table {
  const { rows, delimiter } = parse(text, place);
  const first = rows[0];
  const header = first && hasHeader(rows) ? first : undefined;
  const body = header ? rows.slice(1) : rows;
  if (!first || body.length === 0) {
    const got = header ? "only a header line" : "an empty file";
    throw new BadFile({ place, expected: "rows of data", got, fix: "check that the export was complete" });
  }
  const width = first.cells.length;
  for (const row of body) requireWidth(place, row, width);
  const columns = namesOf(header, width, place).map((name, column): Column => {
    return { name, cells: body.map((row) => row.cells[column]!), nested: false };
  });
  const rowName = (row: number): string => `line ${body[row]!.line}`;
  const format = header ? describe(delimiter) : `${describe(delimiter)} without a header`;
  return { place, format, columns, rowCount: body.length, rowName, ...unsaid };
}
