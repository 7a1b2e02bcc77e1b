// Columns of a table as columns of a matrix.

import { BadFile } from "../errors.ts";
import { requireDate, requireNumber } from "./cellValues.ts";
import type { DateForm } from "./dates.ts";
import type { NumberFormat } from "./numberFormat.ts";
import type { NumberReading } from "./numberReading.ts";
import { type Steps, each } from "./slices.ts";
import {
  type CategoryColumn,
  type ClassTarget,
  type Cycle,
  type DateColumn,
  type InputColumn,
  type NumberColumn,
  columnWidth,
  isNumbered,
} from "./preprocessing.ts";
import { didYouMean } from "../closest.ts";
import { type Labels, labelLookup, labelOf, otherCaseLookup } from "./spelling.ts";
import { TextCounts } from "./textCounts.ts";
import { type Column, type Table, cellPlace, listNames, quote } from "./table.ts";

/** How the cells of one column are read. */
export interface CellReader {
  readonly table: Table;
  readonly column: Column;
  isMissing(row: number): boolean;
  /** Of numbers. */
  readonly format?: NumberFormat | undefined;
  readonly reading?: NumberReading | undefined;
  /** Of dates. */
  readonly form?: DateForm | undefined;
  /** What was decided in reading that the user should know. */
  readonly note?: string | undefined;
}

/** A value that no row had from which the model learned. */
export interface UnseenValue {
  readonly column: string;
  readonly value: string;
  /** Where it is first: file, line and column. */
  readonly place: string;
  readonly cells: number;
}

/** Writes what one column says of a row. */
export interface Encoder {
  readonly width: number;
  write(row: number, into: Float32Array, at: number): void;
  /** Cells that were missing and were filled. */
  readonly filled: number;
  readonly unseen: readonly UnseenValue[];
  /** Different values that were not seen, also those that `unseen` leaves out. */
  readonly unseenCount: number;
  /** What was decided about its values that the user should know. */
  readonly notes: readonly string[];
}

/** The standardised number; one far outside what was seen in training may not be an f32. */
function standardized(reader: CellReader, row: number, { mean, deviation }: NumberColumn): number {
  const { table, column } = reader;
  const value = (requireNumber(table, row, column, reader) - mean) / deviation;
  if (Number.isFinite(Math.fround(value))) return value;
  throw new BadFile({
    place: cellPlace(table, row, column.name),
    expected: "a number near those the model was trained on",
    got: quote(labelOf(column.cells[row]!)),
    fix: "correct the cell, or include such values in training",
  });
}

const periods: Readonly<Record<Cycle, number>> = { year: 365.2425, week: 7, day: 1 };

function writeDate(days: number, { mean, deviation, cycles }: DateColumn, into: Float32Array, at: number): void {
  into[at] = (days - mean) / deviation;
  for (const [index, cycle] of cycles.entries()) {
    const place = days / periods[cycle];
    const angle = 2 * Math.PI * (place - Math.floor(place));
    into[at + 1 + 2 * index] = Math.sin(angle);
    into[at + 2 + 2 * index] = Math.cos(angle);
  }
}

/** Values of a column that are listed; all are counted. */
const mostUnseen = 1000;

/** Counts values of a column that were not seen in training. */
class UnseenTally {
  readonly #reader: CellReader;
  readonly #found = new Map<string, UnseenValue>();
  readonly #counts = new TextCounts();

  constructor(reader: CellReader) {
    this.#reader = reader;
  }

  get list(): UnseenValue[] {
    return [...this.#found.values()].map((found) => ({ ...found, cells: this.#counts.get(found.value) }));
  }

  get count(): number {
    return this.#counts.size;
  }

  add(row: number, value: string): void {
    const { table, column } = this.#reader;
    this.#counts.add(value);
    if (this.#found.size < mostUnseen && !this.#found.has(value)) {
      this.#found.set(value, { column: column.name, value, place: cellPlace(table, row, column.name), cells: 1 });
    }
  }
}

/** Finds the value that a label stands for, and keeps those that are written in another case than in training. */
class LabelFinder {
  readonly #column: string;
  readonly #indexOf: (label: string) => number | undefined;
  readonly #inOtherCase: (label: string) => string | undefined;
  readonly #found = new Map<string, string>();

  constructor(column: string, labels: Labels) {
    this.#column = column;
    this.#indexOf = labelLookup(labels);
    this.#inOtherCase = otherCaseLookup(labels);
  }

  indexOf(label: string): number | undefined {
    const index = this.#indexOf(label);
    if (index !== undefined) return index;
    const value = this.#inOtherCase(label);
    if (value === undefined) return undefined;
    this.#found.set(label, value);
    return this.#indexOf(value);
  }

  get notes(): string[] {
    const pairs = [...this.#found].slice(0, 6).map(([label, value]) => `${quote(label)} as ${quote(value)}`);
    const more = this.#found.size > pairs.length ? ", …" : "";
    return pairs.length === 0
      ? []
      : [`${quote(this.#column)}: letter case adapted to training: ${pairs.join(", ")}${more}`];
  }
}

function unseenFault({ table, column }: CellReader, row: number, value: string, values: readonly string[]): BadFile {
  return new BadFile({
    place: cellPlace(table, row, column.name),
    expected: `one of the values seen in training, ${listNames(values)}`,
    got: quote(value),
    fix: `${didYouMean(value, values)}correct the cell, or train again with rows that have this value`,
  });
}

type WriteValue = (row: number, into: Float32Array, at: number) => void;

/** How one column is written. */
interface Writers {
  readonly write: WriteValue;
  /** Writes what stands for a missing cell. */
  readonly fill: (into: Float32Array, at: number) => void;
  readonly unseen?: UnseenTally;
  readonly labels?: LabelFinder;
}

function encoderOf(reader: CellReader, as: InputColumn, { write, fill, unseen, labels }: Writers): Encoder {
  const width = columnWidth(as);
  let filled = 0;
  return {
    width,
    get filled() {
      return filled;
    },
    get unseen() {
      return unseen?.list ?? [];
    },
    get unseenCount() {
      return unseen?.count ?? 0;
    },
    get notes() {
      return labels?.notes ?? [];
    },
    write(row, into, at) {
      if (!reader.isMissing(row)) return write(row, into, at);
      filled++;
      fill(into, at);
      if (as.indicator) into[at + width - 1] = 1;
    },
  };
}

function setOneHot(into: Float32Array, at: number, index: number): void {
  into[at + index] = 1;
}

function setNumber(into: Float32Array, at: number, index: number): void {
  into[at] = index + 1;
}

function categoryEncoder(reader: CellReader, as: CategoryColumn, isStrict: boolean): Encoder {
  const labels = new LabelFinder(as.name, as);
  const unseen = new UnseenTally(reader);
  const set = isNumbered(as) ? setNumber : setOneHot;
  const write: WriteValue = (row, into, at) => {
    const label = labelOf(reader.column.cells[row]!);
    const index = labels.indexOf(label);
    if (index !== undefined) set(into, at, index);
    else if (isStrict) throw unseenFault(reader, row, label, as.values);
    else unseen.add(row, label);
  };
  const fillIndex = as.fill === undefined ? undefined : labels.indexOf(as.fill);
  const fill: Writers["fill"] = (into, at) => {
    if (fillIndex !== undefined) set(into, at, fillIndex);
  };
  return encoderOf(reader, as, { write, fill, unseen, labels });
}

/** @param isStrict fail on categories that were not seen in training; else its inputs are 0 */
export function inputEncoder(reader: CellReader, as: InputColumn, isStrict: boolean): Encoder {
  if (as.kind === "category") return categoryEncoder(reader, as, isStrict);
  const filling = ((as.fill ?? as.mean) - as.mean) / as.deviation;
  const fill: Writers["fill"] = (into, at) => {
    into[at] = filling;
  };
  if (as.kind === "number") {
    const write: WriteValue = (row, into, at) => {
      into[at] = standardized(reader, row, as);
    };
    return encoderOf(reader, as, { write, fill });
  }
  const form = reader.form ?? as.form;
  const write: WriteValue = (row, into, at) =>
    writeDate(requireDate(reader.table, row, reader.column, form), as, into, at);
  return encoderOf(reader, as, { write, fill });
}

/** Targets have no missing cells and no unseen values: rows with the former are left out, the latter are errors. */
function targetEncoder(width: number, write: WriteValue, labels?: LabelFinder): Encoder {
  return {
    width,
    write,
    filled: 0,
    unseen: [],
    unseenCount: 0,
    get notes() {
      return labels?.notes ?? [];
    },
  };
}

export const numberTargetEncoder = (reader: CellReader, as: NumberColumn): Encoder =>
  targetEncoder(1, (row, into, at) => {
    into[at] = standardized(reader, row, as);
  });

export function classEncoder(reader: CellReader, { name, values, encoding, ...spelling }: ClassTarget): Encoder {
  const labels = new LabelFinder(name, { values, ...spelling });
  const classOf = (row: number): number => {
    const label = labelOf(reader.column.cells[row]!);
    const index = labels.indexOf(label);
    if (index === undefined) throw unseenFault(reader, row, label, values);
    return index;
  };
  if (encoding === "binary") {
    return targetEncoder(
      1,
      (row, into, at) => {
        into[at] = classOf(row);
      },
      labels,
    );
  }
  return targetEncoder(
    values.length,
    (row, into, at) => {
      into[at + classOf(row)] = 1;
    },
    labels,
  );
}

/** Values of the largest matrix that is built. */
const mostValues = 2 ** 30;

/** [rows, sum of the encoders' widths] */
export function* encodeRows(place: string, encoders: readonly Encoder[], rows: Uint32Array): Steps<Float32Array> {
  const width = encoders.reduce((sum, encoder) => sum + encoder.width, 0);
  if (rows.length * width > mostValues) {
    const got = `${rows.length} rows of ${width} values`;
    const fix = "ignore columns with many categories, or use fewer rows";
    throw new BadFile({ place, expected: `at most ${mostValues} values`, got, fix });
  }
  const matrix = new Float32Array(rows.length * width);
  let offset = 0;
  for (const encoder of encoders) {
    const from = offset;
    yield* each(rows.length, (index) => encoder.write(rows[index]!, matrix, index * width + from));
    offset += encoder.width;
  }
  return matrix;
}
