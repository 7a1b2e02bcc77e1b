import { BadFile } from "../errors.ts";
import { namesByPlace, namesInHeader } from "./columnNames.ts";
import { totalNote, withoutHeaders } from "./extraLines.ts";
import { guessSeparator, isMissingNumber } from "./guessSeparator.ts";
import { type HeaderOptions, decideHeader, headerSample, isIndexColumn } from "./header.ts";
import { likelyDecimalOf } from "./inferNumberFormat.ts";
import { RowScanner, type TextRow } from "./rowScanner.ts";
import { type Steps, scaled } from "./slices.ts";
import type { Column, RawTable } from "./table.ts";
import { type TableRows, findTable } from "./tableRows.ts";

export interface CsvOptions extends HeaderOptions {
  /** One character; a blank stands for any number of spaces and tabs. Default: guessed. */
  readonly separator?: string;
}

/** Cells between two looks at the clock. */
const cellsPerStep = 5000;

function* scanRows(scanner: RowScanner, length: number): Steps<TextRow[]> {
  const rows: TextRow[] = [];
  let cells = 0;
  let told = 0;
  for (let row = scanner.next(); row; row = scanner.next()) {
    if (row !== "unfinished") {
      rows.push(row);
      cells += row.cells.length;
      if (cells < cellsPerStep) continue;
    }
    cells = 0;
    yield (scanner.position - told) / length;
    told = scanner.position;
  }
  return rows;
}

function describe(separator: string): string {
  if (separator === "\t") return "TSV";
  if (separator === " ") return "text separated by blanks";
  return separator === "," || separator === "\0" ? "CSV" : `CSV separated by ${separator}`;
}

/** Excel writes the separator into a first line of its own: `sep=;`. */
const separatorLine = /^\s*"?sep=([^\r\n])"?[ \t]*(?:\r\n|\n|\r)/i;

interface Names {
  readonly names: readonly string[];
  readonly body: readonly TextRow[];
  readonly notes: readonly string[];
  readonly header: boolean;
  readonly unnamed: boolean;
}

/** Names of the columns, and the rows below them. */
function* nameColumns({ rows, width, header: comment }: TableRows, place: string, options: CsvOptions): Steps<Names> {
  const first = comment ?? rows[0]!;
  const below = comment ? rows : rows.slice(1);
  const sample = below.slice(0, headerSample).map(({ cells }) => cells);
  const decision = comment
    ? { header: options.header !== "no" }
    : yield* decideHeader(first.cells.slice(0, width), sample, options);
  const notes = decision.note === undefined ? [] : [decision.note];
  if (!decision.header) {
    const body = comment ? rows : [first, ...below];
    const { names, note } = namesByPlace(width, options.expected, place);
    return { names, body, notes: note === undefined ? notes : [note], header: false, unnamed: false };
  }
  const names = yield* namesInHeader(first.cells, width, `${place}: line ${first.line}`);
  const unnamed = (first.cells[0] ?? "").trim() === "";
  const { rows: body, note } = yield* scaled(withoutHeaders(first.cells.slice(0, width), below), 0);
  return { names, body, notes: note === undefined ? notes : [...notes, note], header: true, unnamed };
}

function* columnsOf(body: readonly TextRow[], names: readonly string[]): Steps<Column[]> {
  const columns: Column[] = [];
  let cells = 0;
  for (const [column, name] of names.entries()) {
    const own: string[] = [];
    while (own.length < body.length) {
      const end = Math.min(body.length, own.length + cellsPerStep - cells);
      cells += end - own.length;
      for (let row = own.length; row < end; row++) own.push(body[row]!.cells[column]!);
      if (cells < cellsPerStep) break;
      yield cells / (body.length * names.length);
      cells = 0;
    }
    columns.push({ name, cells: own, nested: false });
  }
  return columns;
}

const wholeNumber = /^\d{1,15}$/;

/** A first column without a name whose cells are different whole numbers: rows may have been drawn, so that they do not count. */
function isIndex({ cells }: Column): boolean {
  const texts = cells.map((cell) => String(cell).trim());
  return texts.every((text) => wholeNumber.test(text)) && new Set(texts).size === texts.length;
}

const isUnnamedIndex = ({ name, cells }: Column): boolean =>
  name === "Unnamed: 0" && isIndexColumn("", cells as readonly string[]);

/** Cells of a column that tell how its numbers are written. */
const formatSample = 100;
const formatColumns = 32;

function* sampleNumbers(columns: readonly Column[]): Generator<string[]> {
  for (const { cells } of columns)
    yield (cells.slice(0, formatSample) as string[]).filter((cell) => !isMissingNumber(cell));
}

function empty(place: string, got: string): BadFile {
  return new BadFile({ place, expected: "rows of data", got, fix: "check that the export was complete" });
}

/** Reads delimited text: separator, comments, titles and header are found by the evidence of the rows. */
export function* readCsv(text: string, place: string, options: CsvOptions): Steps<RawTable> {
  const stated = separatorLine.exec(text);
  const position = stated?.[0].length ?? 0;
  const separator =
    options.separator ?? stated?.[1] ?? (yield* scaled(guessSeparator(text, position, options.expected?.inputs), 0));
  const line = stated ? stated[0].trimEnd().split(/\r\n|\n|\r/).length + 1 : 1;
  const scanner = new RowScanner(text, { separator, place, position, line });
  const all = yield* scaled(scanRows(scanner, text.length), 0.8);
  const found = yield* findTable(all, place, separator);
  if (found.rows.length === 0) throw empty(place, found.header ? "only a header line" : "an empty file");
  const { names, body, notes, header, unnamed } = yield* nameColumns(found, place, options);
  if (body.length === 0) throw empty(place, "only a header line");
  const columns = yield* scaled(columnsOf(body, names), 0.2);
  const [first, ...others] = columns as [Column, ...Column[]];
  const index = (unnamed && isIndex(first)) || isUnnamedIndex(first);
  const total = yield* scaled(totalNote(body), 0);
  const likelyDecimal = likelyDecimalOf(sampleNumbers(columns.slice(0, formatColumns)));
  return {
    format: header ? describe(separator) : `${describe(separator)} without a header`,
    columns: index ? [{ ...first, isIndex: true }, ...others] : columns,
    rowCount: body.length,
    rowName: (row) => `line ${body[row]!.line}`,
    notes: [...found.notes, ...notes, ...(total === undefined ? [] : [total])],
    ...(likelyDecimal && { likelyDecimal }),
    ...(separator === ";" && { cutAtSemicolons: true }),
  };
}
