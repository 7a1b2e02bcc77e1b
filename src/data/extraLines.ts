// Lines of a text file that are not rows of the table, though they stand among them or below.

import type { TextRow } from "./rowScanner.ts";
import { type Steps, each, eachOf } from "./slices.ts";
import { listNames, quote } from "./table.ts";

const mostNamed = 5;

/** `line 7`, or `3 lines (7, 12, 40)`. */
function nameLines(rows: readonly TextRow[]): string {
  const lines = rows.slice(0, mostNamed).map(({ line }) => line);
  return rows.length === 1
    ? `line ${lines[0]!}`
    : `${rows.length} lines (${lines.join(", ")}${rows.length > mostNamed ? ", …" : ""})`;
}

/** Words with a blank or a colon between them, alone in their line. */
const sentence = /\p{L}.*[\s:]/u;

/** How many lines below the table are sentences about it: "Last updated: 2023-04-08". */
export function countFooters(rows: readonly TextRow[], width: number): number {
  if (width < 3) return 0;
  let count = 0;
  while (count < rows.length - 1) {
    const { cells } = rows[rows.length - 1 - count]!;
    if (cells.length > 1 || !sentence.test(cells[0]!.trim())) break;
    count++;
  }
  return count;
}

export const footerNotes = (rows: readonly TextRow[]): string[] =>
  rows.map(({ line, cells }) => `line ${line} was skipped as a footer: ${quote(cells[0]!.trim())}`);

/** Rows without those that repeat the header, as where files were joined. */
export function* withoutHeaders(
  header: readonly string[],
  rows: readonly TextRow[],
): Steps<{ rows: readonly TextRow[]; note?: string }> {
  const names = header.map((name) => name.trim());
  if (names.length < 2 || !names.some((name) => /\p{L}/u.test(name))) return { rows }; // 0,1,2 may be a row
  const isHeader = ({ cells }: TextRow): boolean => names.every((name, column) => cells[column]?.trim() === name);
  const repeated: TextRow[] = [];
  yield* each(rows.length, (row) => {
    if (isHeader(rows[row]!)) repeated.push(rows[row]!);
  });
  if (repeated.length === 0) return { rows };
  const others = rows.filter((row) => !isHeader(row));
  const verb = repeated.length === 1 ? "repeats the header and was" : "repeat the header and were";
  return { rows: others, note: `${nameLines(repeated)} ${verb} skipped` };
}

const totalWord =
  /^(?:(?:grand|sub) ?-?total|totals?|sum|average|avg|mean|summe|gesamt|insgesamt|durchschnitt|mittelwert|total général|moyenne|media|promedio)\s?:?$/i;

/** A note on a last row that sums up the others: a word such as "Total" that occurs in no other row of its column. */
export function* totalNote(rows: readonly TextRow[]): Steps<string | undefined> {
  const last = rows.at(-1);
  const column = last?.cells.findIndex((cell) => totalWord.test(cell.trim())) ?? -1;
  if (!last || column < 0 || rows.length < 3) return undefined;
  const word = last.cells[column]!;
  let cells = 0;
  yield* eachOf(rows, (row) => {
    if (row.cells[column] === word) cells++;
  });
  if (cells > 1) return undefined;
  return `line ${last.line} may sum up the rows above (${listNames([word.trim()])}) and is read as one of them; remove it if it does`;
}
