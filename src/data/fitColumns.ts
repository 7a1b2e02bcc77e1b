// What is learned of columns before any training: means and deviations, categories, fills. All from the rows learned from.

import { BadFile } from "../errors.ts";
import { requireDate, requireNumber } from "./cellValues.ts";
import { type CategoryEncoding, mostOneHot } from "./embeddings.ts";
import { type ColumnSummary, isMissingIn } from "./inspect.ts";
import { type Steps, each } from "./slices.ts";
import type { CategoryColumn, ClassTarget, Cycle, DateColumn, InputColumn, NumberColumn } from "./preprocessing.ts";
import { type Labels, labelLookup, labelOf, mergeLabels, sortLabels } from "./spelling.ts";
import { writtenFormsNote } from "./writtenForms.ts";
import { type Table, listNames, quote } from "./table.ts";

/** How columns are fitted. */
export interface FitOptions {
  /** Rows learned from. */
  readonly training: Uint32Array;
  /** Missing cells of rows learned from become one more input. */
  readonly isImputed: boolean;
  readonly categories: CategoryEncoding;
}

/** A column as it becomes inputs; `varies` is false where all rows learned from have one value. */
export interface Fitted<Result> {
  readonly column: Result;
  readonly varies: boolean;
  readonly notes: readonly string[];
}

/** Present values of the training rows. */
function* presentValues(
  summary: ColumnSummary,
  { training }: FitOptions,
  valueAt: (row: number) => number,
): Steps<Float64Array> {
  const values = new Float64Array(training.length);
  let count = 0;
  yield* each(training.length, (index) => {
    const row = training[index]!;
    if (summary.missing > 0 && isMissingIn(summary, row)) return;
    values[count++] = valueAt(row);
  });
  return values.subarray(0, count);
}

/** Values that are looked at for the median and for cycles; of more, so many at equal distances. */
const mostSorted = 10_000;

function sampleOf(values: Float64Array): Float64Array {
  const step = Math.max(1, Math.floor(values.length / mostSorted));
  return Float64Array.from({ length: Math.ceil(values.length / step) }, (_, index) => values[index * step]!);
}

function medianOf(values: Float64Array): number {
  const sorted = sampleOf(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

interface Moments {
  readonly mean: number;
  readonly deviation: number;
  readonly varies: boolean;
}

/** Mean and population deviation in two passes. */
function* momentsOf(table: Table, name: string, values: Float64Array): Steps<Moments> {
  let sum = 0;
  let varies = false; // rounding of the mean can make the deviation of equal numbers a little more than 0
  yield* each(values.length, (index) => {
    sum += values[index]!;
    varies ||= values[index] !== values[0];
  });
  const mean = sum / values.length;
  let squares = 0;
  yield* each(values.length, (index) => {
    squares += (values[index]! - mean) ** 2;
  });
  const deviation = Math.sqrt(squares / values.length);
  if (Number.isFinite(deviation)) return { mean, deviation: (varies && deviation) || 1, varies };
  const place = `${table.place}: column ${quote(name)}`;
  const fix = "divide the column by a large number, or ignore it";
  throw new BadFile({ place, expected: "numbers below 1e150 in size", got: "larger ones", fix });
}

/** Whether missing cells among the training rows become an input. */
const needsIndicator = (present: number, { training, isImputed }: FitOptions): boolean =>
  isImputed && present < training.length;

/** A column of numbers; of a target nothing is filled. */
export function* fitNumber(
  table: Table,
  summary: ColumnSummary,
  options: FitOptions,
  isInput = true,
): Steps<Fitted<NumberColumn>> {
  const { column, numbers: reading } = summary;
  const { name } = column;
  const format = reading?.format;
  const values = yield* presentValues(summary, options, (row) =>
    requireNumber(table, row, column, { format, reading }),
  );
  if (values.length === 0) return { column: { kind: "number", name, mean: 0, deviation: 1 }, varies: false, notes: [] };
  const { mean, deviation, varies } = yield* momentsOf(table, name, values);
  const fitted: NumberColumn = {
    kind: "number",
    name,
    mean,
    deviation,
    ...(reading && !reading.isPlain && { format: reading.format }),
    ...(isInput && { fill: medianOf(values) }),
    ...(isInput && needsIndicator(values.length, options) && { indicator: true }),
  };
  return { column: fitted, varies, notes: [] };
}

const fractionOf = (value: number): number => value - Math.floor(value);

/** Cycles that the dates of training can tell something about. */
function cyclesOf(all: Float64Array, form: DateColumn["form"]): Cycle[] {
  const days = sampleOf(all);
  const span = days.reduce((a, b) => Math.max(a, b)) - days.reduce((a, b) => Math.min(a, b));
  const kinds = (valueOf: (day: number) => number): number => new Set(days.map(valueOf)).size;
  const cycles: Cycle[] = [];
  if (form !== "time") {
    if (span >= 365 && kinds((day) => Math.floor(fractionOf(day / 365.2425) * 12)) > 2) cycles.push("year");
    const areMonths = days.every((day) => new Date(Math.floor(day) * 86_400_000).getUTCDate() === 1);
    if (!areMonths && span >= 14 && kinds((day) => ((Math.floor(day) % 7) + 7) % 7) > 2) cycles.push("week");
  }
  if (kinds((day) => Math.round(fractionOf(day) * 1440)) > 1) cycles.push("day");
  return cycles;
}

function* fitDate(table: Table, summary: ColumnSummary, options: FitOptions): Steps<Fitted<DateColumn>> {
  const { column, dateForm } = summary;
  const form = dateForm!;
  const { name } = column;
  const days = yield* presentValues(summary, options, (row) => requireDate(table, row, column, form));
  if (days.length === 0) {
    return { column: { kind: "date", name, form, mean: 0, deviation: 1, cycles: [] }, varies: false, notes: [] };
  }
  const { mean, deviation, varies } = yield* momentsOf(table, name, days);
  const cycles = cyclesOf(days, form);
  const indicator = needsIndicator(days.length, options) && { indicator: true };
  return {
    column: { kind: "date", name, form, mean, deviation, cycles, fill: medianOf(days), ...indicator },
    varies,
    notes: [],
  };
}

/** Rows of each category among the training rows. */
function* countCategories(
  summary: ColumnSummary,
  labels: Labels,
  { training }: FitOptions,
): Steps<{ counts: Uint32Array; present: number }> {
  const { column } = summary;
  const indexOf = labelLookup(labels);
  const counts = new Uint32Array(labels.values.length);
  let present = 0;
  yield* each(training.length, (index) => {
    const row = training[index]!;
    if (summary.missing > 0 && isMissingIn(summary, row)) return;
    counts[indexOf(labelOf(column.cells[row]!))!]!++;
    present++;
  });
  return { counts, present };
}

function* fitCategory(summary: ColumnSummary, options: FitOptions): Steps<Fitted<CategoryColumn>> {
  const { name } = summary.column;
  const { labels, note } = mergeLabels(summary.labels!);
  const { counts, present } = yield* countCategories(summary, labels, options);
  const values = labels.values.filter((_, index) => counts[index]! > 0);
  const absent = labels.values.filter((_, index) => counts[index] === 0);
  const spellings = labels.spellings?.filter(([, value]) => values.includes(value));
  const fill = labels.values[counts.indexOf(counts.reduce((a, b) => Math.max(a, b)))];
  const isNumbered = options.categories === "auto" && values.length > mostOneHot;
  const column: CategoryColumn = {
    kind: "category",
    name,
    values,
    ...(spellings && spellings.length > 0 && { spellings }),
    ...(labels.ignoreCase && { ignoreCase: true }),
    ...(isNumbered && { encoding: "numbered" }),
    ...(!isNumbered && present > 0 && { fill: fill! }),
    ...(!isNumbered && needsIndicator(present, options) && { indicator: true }),
  };
  const found = [yield* writtenFormsNote(summary), note].filter((text) => text !== undefined);
  const notes = found.map((text) => `${quote(name)}: ${text}`);
  if (isNumbered && needsIndicator(present, options)) {
    notes.push(`${quote(name)}: missing cells form their own category`);
  }
  if (absent.length > 0 && values.length > 1) {
    notes.push(
      `${quote(name)}: ${listNames(absent, 6)} ${absent.length === 1 ? "occurs in no training row and is treated as an unseen value" : "occur in no training row and are treated as unseen values"}`,
    );
  }
  return { column, varies: values.length > 1, notes };
}

/** How a column becomes inputs. */
export function fitInput(table: Table, summary: ColumnSummary, options: FitOptions): Steps<Fitted<InputColumn>> {
  if (summary.kind === "number") return fitNumber(table, summary, options);
  return summary.kind === "date" ? fitDate(table, summary, options) : fitCategory(summary, options);
}

/** The classes of a target, with the rows of each. */
export interface FittedClasses {
  readonly target: ClassTarget;
  readonly notes: readonly string[];
}

/** The classes that the rows hold, spellings merged. */
export function fitClasses(
  table: Table,
  summary: ColumnSummary,
  { labels, counts, isBinary, lost }: { labels: Labels; counts: Uint32Array; isBinary: boolean; lost: number },
): FittedClasses {
  const { name } = summary.column;
  const values = sortLabels(labels.values.filter((_, index) => counts[index]! > 0));
  const absent = labels.values.filter((_, index) => counts[index] === 0);
  const place = `${table.place}: column ${quote(name)}`;
  const rows = counts.reduce((a, b) => a + b, 0);
  if (values.length < 2) {
    const expected = "at least two classes in the usable rows";
    const left = lost > 0 ? `, in the ${rows} remaining rows: ${lost} rows with missing cells were dropped` : "";
    const got = `one class only, ${quote(values[0]!)}${left}`;
    const fill = lost > 0 ? "fill missing cells (impute), ignore columns with many of them" : "ignore columns with many empty cells"; // prettier-ignore
    throw new BadFile({ place, expected, got, fix: `choose another target, or ${fill}` });
  }
  if (values.length > 10 && values.length > rows / 2) {
    const fix = "use the task regression, or choose another target";
    const left = lost > 0 ? ` in ${rows} rows; ${lost} rows with missing cells were dropped` : "";
    throw new BadFile({ place, expected: "classes that repeat", got: `${values.length} different values${left}`, fix });
  }
  const spellings = labels.spellings?.filter(([, value]) => values.includes(value));
  const target: ClassTarget = {
    kind: "class",
    name,
    values,
    ...(spellings && spellings.length > 0 && { spellings }),
    ...(labels.ignoreCase && { ignoreCase: true }),
    encoding: isBinary && values.length === 2 ? "binary" : "oneHot",
  };
  const notes =
    absent.length > 0 ? [`${quote(name)}: ${listNames(absent, 6)} have no training row and are not classes`] : [];
  return { target, notes };
}
