import { readAsDates } from "./dateReading.ts";
import { type DateForm, parseDate } from "./dates.ts";
import { type WholeNumbers, wholeNumbersOf } from "./identifiers.ts";
import { defaultMissing, missingInTexts } from "./missing.ts";
import { plainNumberText, readNumber } from "./numberFormat.ts";
import { type NumberReading, leadingZero, readAsNumbers, whyLabels } from "./numberReading.ts";
import { lookLikeOddNumbers } from "./oddNumbers.ts";
import { dateSentinels, numberSentinels, sentinelNote } from "./sentinels.ts";
import { type Steps, each } from "./slices.ts";
import { isMissingCell, labelOf } from "./spelling.ts";
import { type Column, type Table, quote } from "./table.ts";
import { TextCounts } from "./textCounts.ts";

/** What a column was understood to hold. */
export interface ColumnSummary {
  readonly column: Column;
  readonly kind: "number" | "date" | "category" | "empty" | "nested";
  readonly missing: number;
  /** Words that are missing cells in a column of this kind. */
  readonly missingWords: ReadonlySet<string>;
  /** Different texts, missing ones not counted. */
  readonly distinct: number;
  /** How often each label occurs; undefined where there are more than `mostLabels`. */
  readonly labels: ReadonlyMap<string, number> | undefined;
  /** Of a column of numbers. */
  readonly numbers?: NumberReading;
  /** Of a column of plain whole numbers. */
  readonly whole?: WholeNumbers;
  readonly dateForm?: DateForm;
  /** Most cells are dates, but not all in one form: the column is of no use. */
  readonly almostDates?: string;
  /** What was decided that the user should know. */
  readonly notes: readonly string[];
}

/** A column with more different labels than this cannot be categories or classes. */
export const mostLabels = 1000;
/** More categories than this are inputs, unless requested, only where each has at least `leastRows` rows on average to learn from. */
const manyCategories = 100;
const leastRows = 5;

/** The texts of a column. */
interface Texts {
  /** How often each text occurs; words for missing cells are taken out. */
  readonly counts: TextCounts;
  /** Words for missing cells that were taken out, with their cells. */
  readonly taken: Map<string, number>;
  /** Cells that are not `null`. */
  cells: number;
}

function* countTexts({ cells }: Column): Steps<Texts> {
  const counts = new TextCounts();
  let total = 0;
  yield* each(cells.length, (row) => {
    const cell = cells[row]!;
    if (cell === null) return;
    total++;
    counts.add(labelOf(cell));
  });
  return { counts, taken: new Map(), cells: total };
}

/** Takes the words for missing cells out, and those back in that are none in this kind of column. */
function takeWords({ counts, taken }: Texts, words: ReadonlySet<string>): void {
  for (const [word, count] of taken) counts.putBack(word, count);
  taken.clear();
  for (const word of words) {
    const count = counts.take(word);
    if (count !== undefined) taken.set(word, count);
  }
}

const presentOf = ({ cells, taken }: Texts): number => [...taken.values()].reduce((rest, count) => rest - count, cells);

/** Few texts that all repeat, some of them numbers: "2", "4", "5more". */
function areCategories(texts: TextCounts, strays: ReadonlyMap<string, number>): boolean {
  return texts.size <= 20 && strays.size > 0 && [...strays.values()].every((count) => count > 1);
}

const labelsOf = (counts: TextCounts): ReadonlyMap<string, number> | undefined =>
  counts.size <= mostLabels ? new Map(counts) : undefined;

function* numberSummary(
  table: Table,
  column: Column,
  texts: TextCounts,
): Steps<Omit<ColumnSummary, "missing"> | { readonly whyLabels: string } | undefined> {
  const numbers = yield* readAsNumbers(texts, table.numberHints);
  if (!numbers || areCategories(texts, numbers.strays) || numbers.areCodes) return undefined;
  const why = whyLabels(numbers, texts);
  if (why !== undefined) return { whyLabels: why };
  const missingWords = table.missingWords.inNumbers;
  const whole = numbers.isPlain ? yield* wholeNumbersOf(column, missingWords) : undefined;
  const { format } = numbers;
  const suspected = yield* sentinelNote(table, texts, (text) => readNumber(text, format), numberSentinels);
  const notes = [numbers.note, suspected].filter((text) => text !== undefined);
  const summary = { column, kind: "number", missingWords, distinct: texts.size, numbers, notes } as const;
  return { ...summary, labels: labelsOf(texts), ...(whole && { whole }) };
}

function* dateSummary(
  table: Table,
  column: Column,
  texts: TextCounts,
): Steps<Omit<ColumnSummary, "missing"> | undefined> {
  const { form, note, almost: almostDates } = yield* readAsDates(table, column, texts);
  if (form === undefined && almostDates === undefined) return undefined;
  const missingWords = table.missingWords.inNumbers;
  const summary = { column, missingWords, distinct: texts.size, labels: labelsOf(texts) } as const;
  const suspected = form && (yield* sentinelNote(table, texts, (text) => parseDate(text, form), dateSentinels));
  const notes = [note, suspected].filter((text) => text !== undefined);
  if (form === undefined) return { ...summary, kind: "category", almostDates: almostDates!, notes };
  return { ...summary, kind: "date", dateForm: form, notes };
}

/** Why few texts, some or all of them numbers, are categories. */
function categoryNotes(labels: readonly string[]): string[] {
  if (labels.some((label) => leadingZero.test(label))) return ["numbers with leading zeros are codes, not amounts"];
  const other = labels.find((label) => !plainNumberText.test(label));
  const numbers = labels.filter((label) => plainNumberText.test(label)).length;
  if (other === undefined || numbers <= labels.length / 2) return [];
  return [`${quote(other)} is not a number, so every value is a category; --missing names words for missing cells`];
}

function textSummary(table: Table, column: Column, texts: Texts, why?: string): Omit<ColumnSummary, "missing"> {
  takeWords(texts, new Set());
  const { counts } = texts;
  const isShort = counts.size <= mostLabels;
  const missingWords = isShort ? missingInTexts(table.missingWords, [...counts.keys()]) : table.missingWords.inTexts;
  takeWords(texts, missingWords);
  const found = isShort ? categoryNotes([...counts.keys()]) : [];
  const odd = why ?? lookLikeOddNumbers(counts.keys());
  const notes = odd === undefined ? found : [odd];
  const kind = counts.size === 0 ? "empty" : "category";
  return { column, kind, missingWords, distinct: counts.size, labels: labelsOf(counts), notes };
}

/** Values that the file declares as names: the usual words for missing cells are among them only where the user says so. */
function nominalSummary({ missingWords: words }: Table, column: Column, texts: Texts): Omit<ColumnSummary, "missing"> {
  const missingWords = words === defaultMissing ? new Set([""]) : words.inTexts;
  takeWords(texts, missingWords);
  const { counts } = texts;
  const kind = counts.size === 0 ? "empty" : "category";
  return { column, kind, missingWords, distinct: counts.size, labels: labelsOf(counts), notes: [] };
}

/** Says what a column holds: decided by all of its cells. */
export function* inspectColumn(table: Table, column: Column): Steps<ColumnSummary> {
  if (column.nested) {
    const missingWords = table.missingWords.inTexts;
    return { column, kind: "nested", missing: 0, missingWords, distinct: 0, labels: undefined, notes: [] };
  }
  const texts = yield* countTexts(column);
  if (column.isNominal) {
    const summary = nominalSummary(table, column, texts);
    return { ...summary, missing: column.cells.length - presentOf(texts) };
  }
  takeWords(texts, table.missingWords.inNumbers);
  const { counts } = texts;
  const found = (yield* dateSummary(table, column, counts)) ?? (yield* numberSummary(table, column, counts));
  const summary = found && "kind" in found ? found : textSummary(table, column, texts, found?.whyLabels);
  return { ...summary, missing: column.cells.length - presentOf(texts) };
}

/** Whether a cell of the column is missing. */
export const isMissingIn = ({ column, missingWords }: ColumnSummary, row: number): boolean =>
  isMissingCell(column.cells[row]!, missingWords);

const presentCells = ({ column, missing }: ColumnSummary): number => column.cells.length - missing;

/** Almost every row has a value of its own, as in a column of names. */
export const nearlyUnique = (summary: ColumnSummary): boolean =>
  summary.distinct > 10 && summary.distinct > presentCells(summary) / 2;

/** A column with one value may be a flag whose other value is an empty cell. */
function whyConstant({ column, missing, labels }: ColumnSummary): string {
  if (missing === 0) return "has one value only";
  const [value = ""] = labels?.keys() ?? [];
  const { length } = column.cells;
  return `has one value only, ${quote(value)} in ${length - missing} of ${length} cells; if an empty cell is another value, write one there`;
}

/** Why a column cannot be an input at all; undefined where it can. */
export function whyImpossible(summary: ColumnSummary): string | undefined {
  const { kind, distinct, labels, almostDates } = summary;
  if (kind === "nested") return "holds lists or objects";
  if (kind === "empty") return "every cell is empty";
  if (distinct === 1) return whyConstant(summary);
  if (almostDates !== undefined) return almostDates;
  if (kind === "category" && !labels) return `${distinct} different text values; at most ${mostLabels} are supported`;
  return undefined;
}

/** Why a column is not an input unless it is requested; undefined where it is of use. */
export function whyUseless(summary: ColumnSummary): string | undefined {
  const { column, kind, missing, distinct } = summary;
  const rows = column.cells.length;
  if (missing > rows / 2) return `${missing} of ${rows} cells are missing`;
  if (kind !== "category") return undefined;
  if (nearlyUnique(summary)) return `${distinct} different text values in ${rows} rows, as in a column of names`;
  const isTooRare = distinct > manyCategories && distinct > presentCells(summary) / leastRows;
  return isTooRare ? `${distinct} different text values in ${rows} rows, fewer than ${leastRows} rows each` : undefined;
}
