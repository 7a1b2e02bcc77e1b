import { defaultMissing, isMissing } from "./missing.ts";
import { plainDigits, plainNumberText, separatorFormats } from "./numberFormat.ts";
import { splitNumber } from "./numberParts.ts";
import { type Steps, each } from "./slices.ts";
import { RowScanner, type TextRow, separators } from "./rowScanner.ts";

/** Rows that are looked at for guessing the separator; more would not change the guess. */
const sampleRows = 100;
const sampleChars = 2 ** 16;

/** A number in some format: `1,4`, `18 %`, `$1,000`. */
export function looksNumeric(cell: string): boolean {
  const text = cell.trim();
  if (plainNumberText.test(text)) return true;
  const core = splitNumber(text)?.core;
  return core !== undefined && separatorFormats.some((format) => plainDigits(core, format) !== undefined);
}

export const isMissingNumber = (cell: string): boolean => isMissing(cell, defaultMissing.inNumbers);

/** Occurs in no text: all of a line is one cell. */
const noSeparator = "\0";

/** The first whole lines of the text; a part of the first line where it is very long. */
function sampleText(text: string, position: number): string {
  const end = position + sampleChars;
  if (text.length <= end) return text.slice(position);
  const lineEnd = Math.max(text.lastIndexOf("\n", end), text.lastIndexOf("\r", end));
  return text.slice(position, lineEnd > position ? lineEnd : end);
}

/** The first rows as they are with a separator; undefined where quotes do not close. */
function sampleOf(text: string, separator: string, isCut: boolean): TextRow[] | undefined {
  const scanner = new RowScanner(text, { separator, place: "" });
  const rows: TextRow[] = [];
  try {
    while (rows.length < sampleRows) {
      const row = scanner.next();
      if (row === undefined) break;
      if (row !== "unfinished") rows.push(row);
    }
  } catch {
    return isCut && rows.length > 1 ? rows : undefined; // the sample may end in a quoted cell
  }
  return rows;
}

/** The most frequent number of cells, the larger of equals. */
export function usualWidth(rows: readonly TextRow[]): number {
  const counts = new Map<number, number>();
  for (const { cells } of rows) counts.set(cells.length, (counts.get(cells.length) ?? 0) + 1);
  let best = 0;
  for (const [width, count] of counts) {
    const most = counts.get(best) ?? 0;
    if (count > most || (count === most && width > best)) best = width;
  }
  return best;
}

const otherSeparator: Record<string, RegExp> = {
  "\t": /[;|,]/,
  ";": /[\t|,]/,
  "|": /[\t;,]/,
  ",": /[\t;|]/,
  " ": /[\t;|,]/,
};
const twoNumbers = /[\d.]\s+[-+\d]/;

/** A cell that was not cut in the wrong place: a number or nothing, or a text without another separator. */
const isClean = (cell: string, separator: string): boolean =>
  cell === "" || looksNumeric(cell) || !(otherSeparator[separator]!.test(cell) || twoNumbers.test(cell));

/** How well a separator explains the first rows, from 0 to 1. */
function* scoreOf(rows: readonly TextRow[], separator: string): Steps<number> {
  const own = rows.some(({ hash }) => !hash) ? rows.filter(({ hash }) => !hash) : rows;
  const width = usualWidth(own);
  if (width < 2) return 0;
  const first = own.findIndex(({ cells }) => cells.length === width);
  const table = own.slice(first);
  const regular = table.filter(({ cells }) => cells.length === width);
  const cells = regular.flatMap((row) => row.cells);
  let clean = 0;
  yield* each(cells.length, (index) => {
    if (isClean(cells[index]!, separator)) clean++;
  });
  if (separator === " ") {
    const numeric = cells.filter((cell) => looksNumeric(cell) || isMissingNumber(cell)).length;
    if (regular.length < table.length || numeric < cells.length / 3) return 0; // sentences are no columns
  }
  return (clean / cells.length) * (regular.length / table.length);
}

/**
 * Returns the separator with which the first rows have the same number of cells, and the cells are whole: in `1,4;3,4` the comma would
 * leave "4;3". Without any separator, a comma: one column.
 * @param names columns of a model: a first row that is one of them alone names the only column, whose numbers may have decimal commas
 */
export function* guessSeparator(text: string, position: number, names: readonly string[] = []): Steps<string> {
  let best = ",";
  let bestScore = 0;
  const sample = sampleText(text, position);
  const first = sample
    .trimStart()
    .split(/[\r\n]/, 1)[0]!
    .trim();
  if (names.includes(first.replace(/^"(.*)"$/, "$1"))) return noSeparator;
  for (const separator of separators) {
    const rows = sampleOf(sample, separator, position + sample.length < text.length);
    const score = rows ? yield* scoreOf(rows, separator) : 0;
    if (score > bestScore) [best, bestScore] = [separator, score];
  }
  return best;
}
