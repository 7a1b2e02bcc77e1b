import { isMissingNumber, looksNumeric } from "./guessSeparator.ts";
import type { Steps } from "./slices.ts";
import { columnName, quote } from "./table.ts";

/** Names that the reader of a table knows before reading it. */
export interface ExpectedColumns {
  /** Columns that a model was trained on, in its order. */
  readonly inputs: readonly string[];
  /** Columns that it predicts, which the table may lack. */
  readonly targets: readonly string[];
}

export interface HeaderOptions {
  /** Whether the first line holds column names; default "auto": the cells decide. */
  readonly header?: "yes" | "no" | "auto";
  readonly expected?: ExpectedColumns;
  /** Names that the user gives as target. */
  readonly target?: readonly string[];
}

export interface HeaderDecision {
  readonly header: boolean;
  /** Why, where the user may want to know; undefined where names stand above numbers. */
  readonly note?: string;
}

/** Rows below the first that are looked at. */
export const headerSample = 1000;

const generatedName = /^column([1-9]\d{0,6})$/;
export const generatedNumber = (name: string): number | undefined => {
  const found = generatedName.exec(name);
  return found ? Number(found[1]) : undefined;
};

/** Whether a model comes from a table with a header: one of its columns has a name that is not generated. */
export const hasOwnNames = ({ inputs, targets }: ExpectedColumns): boolean =>
  [...inputs, ...targets].some((name) => generatedNumber(name) === undefined);

const rowNote = "--header no reads it as data";
const namesNote = "--header yes reads the first line as names";

/** What one column says. */
interface ColumnEvidence {
  readonly first: string;
  /** Most cells below are numbers. */
  readonly numeric: boolean;
  /** The first cell is text, above numbers or not: a unit counts as text where the numbers below have none. */
  readonly named: boolean;
  /** Most numbers below have a fraction. */
  readonly fractional: boolean;
  /** The first cell occurs again below. */
  readonly repeats: boolean;
  /** The values below repeat, so that one that does not is remarkable. */
  readonly informative: boolean;
  readonly values: ReadonlySet<string>;
}

/** Letters of a unit or a name; an exponent is none. */
const letters = /\p{L}{2}|\p{L}$/u;

function evidenceOf(first: string, below: readonly string[]): ColumnEvidence {
  const present = below.filter((cell) => !isMissingNumber(cell)).map((cell) => cell.trim());
  const numbers = present.filter(looksNumeric);
  const lettered = numbers.filter((text) => letters.test(text)).length > numbers.length / 2;
  const values = new Set(present);
  return {
    first: first.trim(),
    numeric: numbers.length > 0 && numbers.length > present.length / 2,
    named: !isMissingNumber(first) && (!looksNumeric(first) || (letters.test(first.trim()) && !lettered)),
    fractional: numbers.filter((text) => !/^[+-]?\d+$/.test(text)).length > numbers.length / 2,
    repeats: values.has(first.trim()),
    informative: present.length >= 3 && values.size <= present.length / 2,
    values,
  };
}

const wholeNumber = /^\d{1,9}$/;

const ascend = (numbers: readonly number[]): boolean =>
  numbers.every((value, index) => index === 0 || value > numbers[index - 1]!);

/** 0, 1, 2, … or 1, 2, 3, … */
const areCounted = (numbers: readonly number[]): boolean =>
  numbers.length > 1 && numbers[0]! <= 1 && numbers.every((value, index) => value === numbers[0]! + index);

const areYears = (numbers: readonly number[]): boolean => numbers.every((value) => value >= 1000 && value < 3000);

const wholeNumbersIn = (cells: readonly string[]): number[] =>
  cells.filter((cell) => wholeNumber.test(cell.trim())).map(Number);

/** At most a fifth of the values are whole numbers less than 100 away. */
function isFar({ values, first }: ColumnEvidence): boolean {
  const isNear = (value: string): boolean => wholeNumber.test(value) && Math.abs(Number(value) - Number(first)) < 100;
  return [...values].filter(isNear).length <= values.size / 5;
}

/** Farther from the values than they are from each other. */
function isApart({ values, first }: ColumnEvidence): boolean {
  const numbers = [...values].map(Number).filter(Number.isFinite);
  const [least, largest] = numbers.reduce(
    ([a, b], value) => [Math.min(a, value), Math.max(b, value)],
    [Infinity, -Infinity],
  );
  const width = Math.max(largest - least, Number.MIN_VALUE);
  return Number(first) - largest > width || least - Number(first) > width;
}

/** Names of columns that are whole numbers: they ascend, and no row below is like them. */
function hasNumberNames(
  first: readonly string[],
  columns: readonly ColumnEvidence[],
  rows: readonly (readonly string[])[],
): boolean {
  const numbers = wholeNumbersIn(first);
  const others = columns.filter((column) => !wholeNumber.test(column.first) && column.first !== "");
  if (numbers.length < 2 || !ascend(numbers) || others.some(({ repeats, named }) => repeats || !named)) return false;
  const isCounted = areCounted(numbers);
  if (isCounted && numbers.length > 3 && !rows.some((cells) => areCounted(wholeNumbersIn(cells)))) return true;
  const numbered = columns.filter((column) => wholeNumber.test(column.first));
  const repeats = numbered.some((column) => column.repeats);
  const isUsual = isCounted || areYears(numbers);
  const labelled = others.some(({ informative, numeric }) => informative && !numeric); // 0,1,2,label above classes
  if (isUsual && labelled && (numbers.length > 2 || !repeats)) return true;
  const numeric = numbered.filter((column) => column.numeric);
  if (repeats) return false;
  if (numeric.length === 0) return isUsual; // numbers above text
  if (!isUsual) return numbers.length > 2 && numeric.every(isApart); // wavelengths above intensities
  return numeric.some(({ fractional, informative }) => fractional || informative) || numeric.every(isFar);
}

/** A column without a name that counts the rows, as pandas writes its index. */
export function isIndexColumn(first: string, below: readonly string[]): boolean {
  if (first.trim() !== "" || below.length === 0) return false;
  const start = Number(below[0]);
  if (below[0]!.trim() === "" || (start !== 0 && start !== 1)) return false;
  return below.every((cell, row) => Number(cell) === start + row);
}

/** Whether a name is in the first line, or is the generated one of a blank cell there. */
function isNamed(first: readonly string[], cells: ReadonlySet<string>, name: string): boolean {
  const number = generatedNumber(name);
  return cells.has(columnName(name)) || (number !== undefined && first[number - 1]?.trim() === "");
}

/** What the names of a model say about the first line. */
function byModel(
  first: readonly string[],
  rows: readonly (readonly string[])[],
  expected: ExpectedColumns,
): HeaderDecision | undefined {
  if (expected.inputs.length === 0) return undefined;
  const cells = new Set(first.map(columnName));
  const hasName = [...expected.inputs, ...expected.targets].some((name) => cells.has(columnName(name)));
  const found = expected.inputs.filter((name) => isNamed(first, cells, name)).length;
  if (hasName && found >= expected.inputs.length / 2) return { header: true };
  return !hasOwnNames(expected) || (rows.length === 0 && !hasName) ? { header: false } : undefined;
}

/** What the names of the user's targets say. A generated name is that of a blank cell, or else of a table without a header. */
function* byTargets(
  first: readonly string[],
  rows: readonly (readonly string[])[],
  target: readonly string[],
): Steps<HeaderDecision | undefined> {
  const cells = new Set(first.map(columnName));
  if (target.some((name) => cells.has(columnName(name)))) return { header: true };
  const numbers = target.map(generatedNumber).filter((number) => number !== undefined);
  if (numbers.length === 0 || numbers.some((number) => first[number - 1]?.trim() === "")) return undefined;
  const hasNames = (yield* columnEvidence(first, rows)).some(({ numeric, named }) => numeric && named);
  return hasNames ? undefined : { header: false };
}

const columnCells = (rows: readonly (readonly string[])[], column: number): string[] =>
  rows.map((cells) => cells[column] ?? "");

/** Columns that are looked at, half of them at the end: a label may be the last one. */
const mostColumns = 400;
const mostCells = 20_000;

function* columnEvidence(first: readonly string[], rows: readonly (readonly string[])[]): Steps<ColumnEvidence[]> {
  const indices = first.map((_, column) => column);
  const half = mostColumns / 2;
  const some = first.length <= mostColumns ? indices : [...indices.slice(0, half), ...indices.slice(-half)];
  const below = rows.slice(0, Math.max(50, Math.ceil(mostCells / some.length)));
  const columns: ColumnEvidence[] = [];
  for (const column of some) {
    columns.push(evidenceOf(first[column]!, columnCells(below, column)));
    yield 0;
  }
  return columns;
}

function* byCells(first: readonly string[], rows: readonly (readonly string[])[]): Steps<HeaderDecision> {
  const columns = yield* columnEvidence(first, rows);
  if (columns.some((column) => column.numeric && column.named)) return { header: true };
  if (rows.length > 0 && isIndexColumn(first[0]!, columnCells(rows, 0))) return { header: true };
  if (rows.length > 1 && hasNumberNames(first, columns, rows.slice(0, 50))) {
    const note = `the ascending numbers in the first line are read as column names; ${rowNote}`;
    return { header: true, note };
  }
  const noHeader = { header: false, note: `no header line: columns are named column1, column2, …; ${namesNote}` };
  if (columns.some(({ first: cell, named }) => !named && looksNumeric(cell))) return noHeader;
  if (rows.length === 0) return { header: true };
  if (columns.filter(({ first: cell }) => isMissingNumber(cell)).length > columns.length / 2) return noHeader;
  const texts = columns.filter(({ named }) => named);
  const telling = texts.some(({ informative }) => informative) ? texts.filter(({ informative }) => informative) : texts;
  const repeated = telling.filter(({ repeats }) => repeats).length;
  const mostRepeat = telling === texts ? repeated > texts.length / 2 : repeated >= telling.length / 2;
  const twice = new Set(texts.map(({ first: cell }) => cell)).size < texts.length;
  if (texts.length > 0 && (mostRepeat || twice)) {
    const example = texts.find(({ repeats }) => repeats) ?? texts[0]!;
    const why = !mostRepeat ? "one text occurs twice in it" : `${quote(example.first)} occurs below it`;
    return {
      header: false,
      note: `the first line is read as data, because ${why}: columns are named column1, column2, …; ${namesNote}`,
    };
  }
  return {
    header: true,
    note: `the first line is read as column names, because its words do not occur below it; ${rowNote}`,
  };
}

/**
 * Decides whether the first row holds column names: by the user's word, by names that are expected, else by the cells below it.
 * @param rows the first rows below it
 */
export function* decideHeader(
  first: readonly string[],
  rows: readonly (readonly string[])[],
  options: HeaderOptions,
): Steps<HeaderDecision> {
  const { header = "auto" } = options;
  if (header !== "auto") return { header: header === "yes" };
  const sample = rows.slice(0, headerSample);
  const { expected, target = [] } = options;
  const known = expected ? byModel(first, sample, expected) : yield* byTargets(first, sample, target);
  return known ?? (yield* byCells(first, sample));
}
