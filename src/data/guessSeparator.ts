import { defaultMissing, isMissing } from "./missing.ts";
import { plainNumberText } from "./numberFormat.ts";
import { splitNumber } from "./numberParts.ts";
import { RowScanner, type TextRow, separators } from "./rowScanner.ts";

/** Rows that are looked at for guessing the separator; more would not change the guess. */
const sampleRows = 100;
const sampleChars = 2 ** 18;

/** A number in some format: `1,4`, `18 %`, `$1,000`. */
export function looksNumeric(cell: string): boolean {
  const text = cell.trim();
  return plainNumberText.test(text) || splitNumber(text) !== undefined;
}

export const isMissingNumber = (cell: string): boolean => isMissing(cell, defaultMissing.inNumbers);

/** The first rows as they are with a separator; undefined where its quotes do not close. */
function sampleOf(text: string, separator: string, position: number): TextRow[] | undefined {
  const scanner = new RowScanner(text, { separator, place: "", position });
  const rows: TextRow[] = [];
  try {
    while (rows.length < sampleRows && scanner.position - position < sampleChars) {
      const row = scanner.next();
      if (!row) break;
      rows.push(row);
    }
  } catch {
    return undefined;
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
function scoreOf(rows: readonly TextRow[], separator: string): number {
  const own = rows.some(({ hash }) => !hash) ? rows.filter(({ hash }) => !hash) : rows;
  const width = usualWidth(own);
  if (width < 2) return 0;
  const first = own.findIndex(({ cells }) => cells.length === width);
  const table = own.slice(first);
  const regular = table.filter(({ cells }) => cells.length === width);
  const cells = regular.flatMap((row) => row.cells);
  const clean = cells.filter((cell) => isClean(cell, separator)).length / cells.length;
  if (separator === " ") {
    const numeric = cells.filter((cell) => looksNumeric(cell)).length;
    if (regular.length < table.length || numeric < cells.length / 3) return 0; // sentences are no columns
  }
  return clean * (regular.length / table.length);
}

/**
 * Returns the separator with which the first rows have the same number of cells, and the cells are whole: in `1,4;3,4` the comma would
 * leave "4;3". Without any separator, a comma: one column.
 */
export function guessSeparator(text: string, position: number): string {
  let best = ",";
  let bestScore = 0;
  for (const separator of separators) {
    const rows = sampleOf(text, separator, position);
    const score = rows ? scoreOf(rows, separator) : 0;
    if (score > bestScore) [best, bestScore] = [separator, score];
  }
  return best;
}
