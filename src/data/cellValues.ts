// The values in the cells of one column, as the column is understood.

import { BadFile } from "../errors.ts";
import { type DateForm, dateFormNames, parseDate } from "./dates.ts";
import { missingOption } from "./missing.ts";
import { describeFormat } from "./inferNumberFormat.ts";
import { type NumberFormat, plainNumberText, plainNumbers, readNumber } from "./numberFormat.ts";
import { type NumberReading, expectedNumber } from "./numberReading.ts";
import { type Steps, each } from "./slices.ts";
import { isMissingCell, labelOf } from "./spelling.ts";
import { type Cell, type Column, type Table, cellPlace, quote } from "./table.ts";

/** The number in a cell; undefined where it is none, not finite for "inf" and 1e999. */
export function numberIn(cell: Cell, format: NumberFormat = plainNumbers): number | undefined {
  if (typeof cell === "number") return cell;
  return typeof cell === "string" ? readNumber(cell, format) : undefined;
}

/** Words that may all be meant for missing cells; of more, the column is another. */
const mostWords = 12;
const longestWord = 40;

/** What to do about cells that are no numbers: all words of the column at once, so that one run more is enough. */
function strayRemedy(
  { missingWords, rowName }: Table,
  row: number,
  text: string,
  reading: NumberReading | undefined,
): string {
  const words = [...new Set([text, ...(reading?.strays.keys() ?? [])])].map((word) => word.trim());
  const areFew = words.length <= mostWords && words.every((word) => word.length <= longestWord);
  const areWords = words.every((word) => !plainNumberText.test(word));
  const option = areFew && areWords ? missingOption(missingWords, words) : undefined;
  const cells = words.length > 1 ? `the cells (${words.length} different text values)` : "the cell";
  const pass = option === undefined ? "" : `, pass ${option} if that means a missing value`;
  const isAlone = row === 0 && reading?.strays.size === 1 && reading.strays.get(text) === 1;
  const header = isAlone ? `remove ${rowName(row)} if it is a second header line, ` : "";
  return `${header}correct ${cells}${pass}, or ignore this column`;
}

/** What a number of another table is like. */
const expectedIn = (format: NumberFormat): string => {
  const described = describeFormat(format);
  return described === "numbers" ? "a number" : `${described}, as in training`;
};

/** The finite number in a cell that is not missing. */
export function requireNumber(
  table: Table,
  row: number,
  { name, cells }: Column,
  { format = plainNumbers, reading }: { format?: NumberFormat | undefined; reading?: NumberReading | undefined } = {},
): number {
  const cell = cells[row]!;
  const number = numberIn(cell, format);
  if (number !== undefined && Number.isFinite(number)) return number;
  const text = quote(labelOf(cell));
  const place = cellPlace(table, row, name);
  if (number !== undefined) {
    const fix = "leave the cell empty if its value is unknown";
    throw new BadFile({ place, expected: "a finite number", got: text, fix });
  }
  const fix = strayRemedy(table, row, labelOf(cell), reading);
  throw new BadFile({ place, expected: reading ? expectedNumber(reading) : expectedIn(format), got: text, fix });
}

/** The days since 1970-01-01 of a cell that is not missing. */
export function requireDate(table: Table, row: number, { name, cells }: Column, form: DateForm): number {
  const text = labelOf(cells[row]!);
  const days = parseDate(text, form);
  if (days !== undefined) return days;
  const expected = `a date as in training, ${dateFormNames[form]}`;
  const fix = "correct the cell, or write all dates in that form";
  throw new BadFile({ place: cellPlace(table, row, name), expected, got: quote(text), fix });
}

/** Whether all present cells of a column pass. */
export function* allPresent(
  { cells }: Column,
  words: ReadonlySet<string>,
  passes: (cell: Cell) => boolean,
): Steps<boolean> {
  let all = true;
  yield* each(cells.length, (row) => {
    if (!all || isMissingCell(cells[row]!, words)) return;
    if (!passes(cells[row]!)) all = false;
  });
  return all;
}
