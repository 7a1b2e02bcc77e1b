import { BadFile } from "../errors.ts";
import type { Dataset } from "../executor.ts";
import { requireNumber } from "./inspect.ts";
import { type InputColumn, type NumberColumn, type Preprocessing, targetNames } from "./preprocessing.ts";
import {
  type Column,
  type Table,
  cellPlace,
  columnsByName,
  isMissing,
  listNames,
  numberOf,
  quote,
  textOf,
} from "./table.ts";

/** Rows of a table as numbers; rows with a missing cell in a used column are left out. */
export interface EncodedInputs {
  /** Rows of the table that `inputs` holds, ascending from 0. */
  readonly rows: Uint32Array;
  /** [rows, inputWidth] */
  readonly inputs: Float32Array;
}

export interface EncodedTable {
  readonly rows: Uint32Array;
  readonly data: Dataset;
}

/** Writes what one column says of a row. */
interface Encoder {
  readonly width: number;
  write(row: number, into: Float32Array, at: number): void;
}

/** Rows in which none of the columns has a missing cell. */
export function completeRows(table: Table, columns: readonly Column[]): Uint32Array {
  const rows: number[] = [];
  for (let row = 0; row < table.rowCount; row++) {
    if (columns.every(({ cells }) => !isMissing(cells[row]!))) rows.push(row);
  }
  return Uint32Array.from(rows);
}

/** The standardised number; one far outside what was seen in training may not be an f32. */
function standardized(table: Table, row: number, column: Column, { mean, deviation }: NumberColumn): number {
  const value = (requireNumber(table, row, column) - mean) / deviation;
  if (Number.isFinite(Math.fround(value))) return value;
  throw new BadFile({
    place: cellPlace(table, row, column.name),
    expected: "a number near those the model was trained on",
    got: quote(textOf(column.cells[row]!)),
    fix: "correct the cell, or train with such values",
  });
}

const numberEncoder = (table: Table, column: Column, as: NumberColumn): Encoder => ({
  width: 1,
  write(row, into, at) {
    into[at] = standardized(table, row, column, as);
  },
});

type CategoryOf = (row: number) => number;

function categoryReader(table: Table, { name, cells }: Column, values: readonly string[]): CategoryOf {
  const known = new Map(values.map((value, index) => [value, index]));
  return (row) => {
    const text = textOf(cells[row]!);
    const index = known.get(text) ?? known.get(String(numberOf(text))); // classes made of numbers: "2.0" is "2"
    if (index !== undefined) return index;
    throw new BadFile({
      place: cellPlace(table, row, name),
      expected: `one of the values seen in training, ${listNames(values)}`,
      got: quote(text),
      fix: "correct the cell, or train again with rows that have this value",
    });
  };
}

const oneHotEncoder = (categoryOf: CategoryOf, width: number): Encoder => ({
  width,
  write(row, into, at) {
    into[at + categoryOf(row)] = 1;
  },
});

const binaryEncoder = (categoryOf: CategoryOf): Encoder => ({
  width: 1,
  write(row, into, at) {
    into[at] = categoryOf(row);
  },
});

/** [rows, sum of the encoders' widths] */
function encodeRows(encoders: readonly Encoder[], rows: Uint32Array): Float32Array {
  const width = encoders.reduce((sum, encoder) => sum + encoder.width, 0);
  const matrix = new Float32Array(rows.length * width);
  let at = 0;
  for (const row of rows) {
    for (const encoder of encoders) {
      encoder.write(row, matrix, at);
      at += encoder.width;
    }
  }
  return matrix;
}

function inputEncoder(table: Table, column: Column, as: InputColumn): Encoder {
  if (as.kind === "number") return numberEncoder(table, column, as);
  return oneHotEncoder(categoryReader(table, column, as.values), as.values.length);
}

/** Inputs [rows, inputWidth] of the given rows, which must be complete. */
export function inputsOf(table: Table, rows: Uint32Array, { inputs }: Preprocessing): Float32Array {
  const byName = columnsByName(table);
  const encoders = inputs.map((as) => inputEncoder(table, byName.get(as.name)!, as));
  return encodeRows(encoders, rows);
}

/** Targets [rows, outputWidth] of the given rows, which must be complete. */
export function targetsOf(table: Table, rows: Uint32Array, { target }: Preprocessing): Float32Array {
  const byName = columnsByName(table);
  if (target.kind === "number") {
    return encodeRows(
      target.columns.map((as) => numberEncoder(table, byName.get(as.name)!, as)),
      rows,
    );
  }
  const categoryOf = categoryReader(table, byName.get(target.name)!, target.values);
  const encoder =
    target.encoding === "binary" ? binaryEncoder(categoryOf) : oneHotEncoder(categoryOf, target.values.length);
  return encodeRows([encoder], rows);
}

function requireColumns(table: Table, names: readonly string[]): Column[] {
  const byName = columnsByName(table);
  const absent = names.filter((name) => !byName.has(name));
  if (absent.length === 0) return names.map((name) => byName.get(name)!);
  throw new BadFile({
    place: table.place,
    expected: `the columns that the model was trained on, among them ${listNames(absent)}`,
    got: `the columns ${listNames([...byName.keys()])}`,
    fix: "this is a model for other columns: pass a table that has them, or train a model on this one",
  });
}

function requireRows(table: Table, columns: readonly Column[]): Uint32Array {
  const rows = completeRows(table, columns);
  if (rows.length > 0) return rows;
  const got = `${table.rowCount} rows, each with an empty cell`;
  throw new BadFile({ place: table.place, expected: "rows without empty cells", got, fix: "fill in the empty cells" });
}

/**
 * Applies a preprocessing to the rows of a table, targets not needed.
 * @throws BadFile when a column is missing, a category was not seen in training, or a number column holds text
 */
export function encodeInputs(preprocessing: Preprocessing, table: Table): EncodedInputs {
  const columns = requireColumns(
    table,
    preprocessing.inputs.map(({ name }) => name),
  );
  const rows = requireRows(table, columns);
  return { rows, inputs: inputsOf(table, rows, preprocessing) };
}

/**
 * Applies a preprocessing to the rows of a table, targets included.
 * @throws BadFile when a column is missing, a category was not seen in training, or a number column holds text
 */
export function encodeTable(preprocessing: Preprocessing, table: Table): EncodedTable {
  const names = [...preprocessing.inputs.map(({ name }) => name), ...targetNames(preprocessing)];
  const rows = requireRows(table, requireColumns(table, names));
  const inputs = inputsOf(table, rows, preprocessing);
  return { rows, data: { inputs, targets: targetsOf(table, rows, preprocessing) } };
}
