import { BadFile } from "../errors.ts";
import { usualWidth } from "./guessSeparator.ts";
import { countFooters, footerNotes } from "./extraLines.ts";
import { decideHeader, headerSample, isIndexColumn } from "./header.ts";
import type { TextRow } from "./rowScanner.ts";
import type { Steps } from "./slices.ts";
import { quote } from "./table.ts";

/** The rows of the table in a text file: without comments and titles, all as wide as `width`, or wider by empty cells. */
export interface TableRows {
  readonly rows: readonly TextRow[];
  readonly width: number;
  readonly notes: readonly string[];
  /** A comment above the rows that names the columns, as numpy.savetxt writes it. */
  readonly header?: TextRow;
}

const cellsOf = (rows: readonly TextRow[]): (readonly string[])[] =>
  rows.slice(0, headerSample).map(({ cells }) => cells);

function* isHeader(rows: readonly TextRow[]): Steps<boolean> {
  return rows.length > 1 && (yield* decideHeader(rows[0]!.cells, cellsOf(rows.slice(1, headerSample)), {})).header;
}

const isBlank = (cell: string): boolean => cell.trim() === "";

/** Names of columns in a comment: `# x y z`; a lone `#` is the name of the first column. */
function namesInComment({ cells, line }: TextRow, width: number): TextRow | undefined {
  const first = cells[0]!.replace(/^#+\s*/, "");
  if (first === "" && cells.length === width + 1) return { line, cells: cells.slice(1), hash: false };
  return cells.length === width && width > 1
    ? { line, cells: [first || "#", ...cells.slice(1)], hash: false }
    : undefined;
}

interface Uncommented {
  readonly rows: readonly TextRow[];
  readonly header?: TextRow;
}

/** Lines that start with # are comments above the table, and where they are not as wide as its rows; else colours or numbers. */
function* leaveOutComments(all: readonly TextRow[], width: number): Steps<Uncommented> {
  const marked = all.filter(({ hash }) => hash);
  if (marked.length === 0) return { rows: all };
  if (marked.length > all.length / 2 && marked.length > 2) return { rows: all };
  const start = all.findIndex(({ hash }) => !hash);
  if (start < 0) return { rows: [] };
  const rows = all.slice(start).filter(({ hash, cells }) => !hash || (cells.length === width && width > 1));
  const header = start > 0 ? namesInComment(all[start - 1]!, width) : undefined;
  return header && !(yield* isHeader(rows)) ? { rows, header } : { rows };
}

/** Empty cells behind every row, as spreadsheets write them, are no columns. */
function withoutEmptyEnd(rows: readonly TextRow[], usual: number): number {
  let width = usual;
  while (width > 1 && rows.every(({ cells }) => cells.length < width || isBlank(cells[width - 1]!))) width--;
  return width;
}

/** As wide as the table, or wider by empty cells. */
function fits({ cells }: TextRow, width: number): boolean {
  if (cells.length === width) return true;
  for (let column = width; column < cells.length; column++) if (!isBlank(cells[column]!)) return false;
  return cells.length > width;
}

/** R writes row names in front without a name above them. */
function withRowNames(rows: readonly TextRow[], width: number): readonly TextRow[] | undefined {
  const [header, ...others] = rows.slice(0, headerSample);
  if (width < 3 || header?.cells.length !== width - 1 || others.some((row) => !fits(row, width))) return undefined;
  const names = others.map(({ cells }) => cells[0]!);
  const distinct = new Set(names).size === names.length && names.every((name) => /\p{L}/u.test(name));
  if (!distinct && !isIndexColumn("", names)) return undefined;
  return [{ ...header, cells: ["", ...header.cells] }, ...rows.slice(1)];
}

/** Padded by a spreadsheet to the width of the table: one text, and the full row of names below it. */
function isPaddedTitle(row: TextRow, next: TextRow, width: number): boolean {
  if (width < 3 || row.cells.length < width || isBlank(row.cells[0]!)) return false;
  return row.cells.slice(1).every(isBlank) && !next.cells.slice(0, width).some(isBlank);
}

/** How many lines above the table are titles: they have fewer cells than its rows; words between blanks may be more. */
function* countTitles(rows: readonly TextRow[], width: number, separator: string): Steps<number> {
  let first = 0;
  while (first < rows.length && !fits(rows[first]!, width)) first++;
  const padded = (): boolean => first + 2 < rows.length && isPaddedTitle(rows[first]!, rows[first + 1]!, width);
  if (first === 0 && padded() && (yield* isHeader(rows.slice(first + 1, first + headerSample)))) return 1;
  if (first === 0 || first === rows.length) return 0;
  const short = rows
    .slice(0, first)
    .every(({ cells: { length } }) => length <= Math.max(1, width / 2) || (separator === " " && length > width));
  return short || (yield* isHeader(rows.slice(first, first + headerSample))) ? first : 0;
}

function requireWidths(rows: readonly TextRow[], width: number, place: string): void {
  const odd = rows.find((row) => !fits(row, width));
  if (!odd) return;
  const isSingle = odd.cells.some((cell) => /^\s*'/.test(cell) && !/'\s*$/.test(cell));
  const quotes = isSingle ? "double quotes instead of single ones" : "quotes";
  const fix = `add or remove cells in this line, and put cells that contain the separator in ${quotes}`;
  const got = `${odd.cells.length}`;
  const expected = `${width} cells as in ${rows[0] === odd ? "most lines" : "the first line"}`;
  throw new BadFile({ place: `${place}: line ${odd.line}`, expected, got, fix });
}

/**
 * Finds the table in the rows of a text file: leaves out comments, title lines, footers and empty columns at the end.
 * @throws BadFile where a row has more or fewer cells than the others
 */
export function* findTable(all: readonly TextRow[], place: string, separator: string): Steps<TableRows> {
  const sample = all.slice(0, headerSample);
  const usual = usualWidth(sample.some(({ hash }) => !hash) ? sample.filter(({ hash }) => !hash) : sample);
  const { rows: uncommented, header } = yield* leaveOutComments(all, usual);
  const end = uncommented.length - countFooters(uncommented, usual);
  const rows = end === uncommented.length ? uncommented : uncommented.slice(0, end);
  yield 0;
  const width = withoutEmptyEnd(header ? [header, ...rows] : rows, usual);
  yield 0;
  const titles = header ? 0 : yield* countTitles(rows, width, separator);
  const titled = withRowNames(rows, width);
  const table = titled ?? rows.slice(titles);
  const skipped = titled ? [] : rows.slice(0, titles);
  const first = table[0];
  yield 0;
  requireWidths(table, first && !header && !fits(first, width) ? first.cells.length : width, place);
  const notes = skipped.map(
    ({ line, cells }) => `line ${line} was skipped as a title: ${quote(cells.join(" ").trim())}`,
  );
  notes.push(...footerNotes(uncommented.slice(end)));
  return { rows: table, width, notes, ...(header && { header }) };
}
