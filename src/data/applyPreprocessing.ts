// A model's preprocessing on other tables than the one it was made from.

import { BadFile } from "../errors.ts";
import type { Dataset } from "../backend/executor.ts";
import { allPresent } from "./cellValues.ts";
import { parseDate } from "./dates.ts";
import {
  type CellReader,
  type Encoder,
  type UnseenValue,
  classEncoder,
  encodeRows,
  inputEncoder,
  numberTargetEncoder,
} from "./encode.ts";
import { datasetOf } from "./embeddings.ts";
import { inspectColumn } from "./inspect.ts";
import { type MissingWords, defaultMissing } from "./missing.ts";
import { plainNumberText } from "./numberFormat.ts";
import { numberReader } from "./numberReader.ts";
import { type SliceOptions, type Steps, each, runOverCells } from "./slices.ts";
import {
  type CategoryColumn,
  type ClassTarget,
  type DateColumn,
  type InputColumn,
  type Preprocessing,
  takesMissing,
  targetNames,
} from "./preprocessing.ts";
import { isMissingCell, labelLookup, labelOf } from "./spelling.ts";
import { type Column, type Table, columnName, columnsByName, listNames } from "./table.ts";

export interface EncodeOptions extends SliceOptions {
  /** A category that was not seen in training is an error; default: its inputs are 0, and `unseen` names it. */
  readonly strict?: boolean;
}

interface ColumnCells {
  readonly name: string;
  readonly cells: number;
}

/** Rows of a table as numbers. */
export interface EncodedInputs {
  /** Rows of the table that `inputs` holds, ascending from 0: all that have what the model needs. */
  readonly rows: Uint32Array;
  /** [rows, inputWidth] */
  readonly inputs: Float32Array;
  /** Missing cells that were filled with the model's median or most frequent value, by column. */
  readonly filled: readonly ColumnCells[];
  /** Missing cells of columns with an embedding, by column: they are none of the categories, as unseen values are. */
  readonly withoutCategory: readonly ColumnCells[];
  /** Categories that were not seen in training. */
  readonly unseen: readonly UnseenValue[];
  /** How many different ones there are; of each column `unseen` lists the first 1,000. */
  readonly unseenCount: number;
  /** How cells were read that could be another number, `"w": "5,450" is read as 5.45, …`: sentences without a full stop. */
  readonly notes: readonly string[];
}

export interface EncodedTable extends Omit<EncodedInputs, "inputs"> {
  readonly data: Dataset;
  /** Rows left out because their target is missing. */
  readonly withoutTarget: number;
}

/** The words of the model, and those that the user names for this table. */
function wordsOf({ missingWords: stored }: Preprocessing, { missingWords: own }: Table): MissingWords {
  if (!stored) return own;
  const named = own === defaultMissing ? { inNumbers: [], inTexts: [] } : own;
  return {
    inNumbers: new Set([...stored.inNumbers, ...named.inNumbers]),
    inTexts: new Set([...stored.inTexts, ...named.inTexts]),
  };
}

function* dateReader(table: Table, column: Column, { form }: DateColumn): Steps<CellReader> {
  const words = table.missingWords.inNumbers;
  const reader = { table, column, isMissing: (row: number) => isMissingCell(column.cells[row]!, words) };
  const fits = yield* allPresent(column, words, (cell) => parseDate(labelOf(cell), form) !== undefined);
  if (fits) return { ...reader, form };
  const { dateForm = form } = yield* inspectColumn(table, column);
  return { ...reader, form: dateForm };
}

/** A text that is a category of the model is no missing cell, whatever it says. */
function labelReader(table: Table, column: Column, as: CategoryColumn | ClassTarget): CellReader {
  const indexOf = labelLookup(as);
  const areNumbers = as.values.every((value) => plainNumberText.test(value));
  const words = areNumbers ? table.missingWords.inNumbers : table.missingWords.inTexts;
  const isMissingRow = (row: number): boolean => {
    const cell = column.cells[row]!;
    return isMissingCell(cell, words) && (cell === null || indexOf(labelOf(cell)) === undefined);
  };
  return { table, column, isMissing: isMissingRow };
}

function* readerOf(table: Table, column: Column, as: InputColumn): Steps<CellReader> {
  if (as.kind === "number") return yield* numberReader(table, column, as);
  if (as.kind === "date") return yield* dateReader(table, column, as);
  return labelReader(table, column, as);
}

function requireColumns(table: Table, names: readonly string[]): Column[] {
  const byName = columnsByName(table);
  const absent = names.filter((name) => !byName.has(columnName(name)));
  if (absent.length === 0) return names.map((name) => byName.get(columnName(name))!);
  const byLowerCase = new Set([...byName.keys()].map((name) => name.toLowerCase()));
  const differInCase = absent.every((name) => byLowerCase.has(columnName(name).toLowerCase()));
  const fix = differInCase
    ? "the names differ in upper and lower case only: rename the columns"
    : "pass a table with these columns, or train a model on this table";
  throw new BadFile({
    place: table.place,
    expected: `the columns that the model was trained on, including ${listNames(absent)}`,
    got: `the columns ${listNames([...byName.keys()])}`,
    fix,
  });
}

/** Marks the rows in which a column is missing. */
function* markMissing(rowCount: number, readers: readonly CellReader[]): Steps<Uint8Array> {
  const marks = new Uint8Array(rowCount);
  for (const reader of readers) {
    yield* each(rowCount, (row) => {
      if (reader.isMissing(row)) marks[row] = 1;
    });
  }
  return marks;
}

function requireRows(table: Table, isLeftOut: (row: number) => boolean, why: string): Uint32Array {
  const rows = new Uint32Array(table.rowCount);
  let count = 0;
  for (let row = 0; row < table.rowCount; row++) if (!isLeftOut(row)) rows[count++] = row;
  if (count > 0) return rows.slice(0, count);
  const got = `${table.rowCount} rows, each with an empty cell`;
  throw new BadFile({ place: table.place, expected: `rows ${why}`, got, fix: "fill in the empty cells" });
}

interface InputPlan {
  readonly encoders: readonly { readonly as: InputColumn; readonly encoder: Encoder }[];
  /** 1 for rows with a missing cell that the model does not fill. */
  readonly marks: Uint8Array;
  readonly notes: readonly string[];
}

function* planInputs(
  preprocessing: Preprocessing,
  table: Table,
  columns: readonly Column[],
  isStrict: boolean,
): Steps<InputPlan> {
  const encoders: { as: InputColumn; encoder: Encoder }[] = [];
  const unfilled: CellReader[] = [];
  const notes: string[] = [];
  for (const [index, as] of preprocessing.inputs.entries()) {
    const reader = yield* readerOf(table, columns[index]!, as);
    encoders.push({ as, encoder: inputEncoder(reader, as, isStrict) });
    if (!takesMissing(as)) unfilled.push(reader);
    if (reader.note !== undefined) notes.push(reader.note);
    yield 0;
  }
  return { encoders, notes, marks: yield* markMissing(table.rowCount, unfilled) };
}

function* encodePlan({ encoders, notes }: InputPlan, table: Table, rows: Uint32Array): Steps<EncodedInputs> {
  const all = encoders.map(({ encoder }) => encoder);
  const inputs = yield* encodeRows(table.place, all, rows);
  const missing = encoders.filter(({ encoder }) => encoder.filled > 0);
  const cellsOf = (own: typeof missing): ColumnCells[] =>
    own.map(({ as, encoder }) => ({ name: as.name, cells: encoder.filled }));
  const unseen = all.flatMap((encoder) => encoder.unseen);
  const unseenCount = all.reduce((sum, encoder) => sum + encoder.unseenCount, 0);
  const allNotes = [...notes, ...all.flatMap((encoder) => encoder.notes)];
  return {
    rows,
    inputs,
    filled: cellsOf(missing.filter(({ as }) => as.fill !== undefined)),
    withoutCategory: cellsOf(missing.filter(({ as }) => as.fill === undefined)),
    unseen,
    unseenCount,
    notes: allNotes,
  };
}

/** Passes over the cells, an estimate. */
const passes = 3;

function* inputSteps(preprocessing: Preprocessing, table: Table, isStrict: boolean): Steps<EncodedInputs> {
  const columns = requireColumns(
    table,
    preprocessing.inputs.map(({ name }) => name),
  );
  const plan = yield* planInputs(preprocessing, table, columns, isStrict);
  const rows = requireRows(table, (row) => plan.marks[row] === 1, "without empty cells");
  return yield* encodePlan(plan, table, rows);
}

/**
 * Applies a preprocessing to the rows of a table, targets not needed. Missing cells are filled as the model says.
 * Works in slices of a few milliseconds.
 * @throws BadFile when a column is missing, a number column holds text, or with `strict` a category was not seen in training
 */
export async function encodeInputs(
  preprocessing: Preprocessing,
  given: Table,
  options: EncodeOptions = {},
): Promise<EncodedInputs> {
  const table = { ...given, missingWords: wordsOf(preprocessing, given) };
  const cells = table.rowCount * preprocessing.inputs.length;
  return runOverCells(inputSteps(preprocessing, table, options.strict ?? false), cells, passes, options);
}

function* tableSteps(preprocessing: Preprocessing, table: Table, isStrict: boolean): Steps<EncodedTable> {
  const { target, inputs } = preprocessing;
  const names = [...inputs.map(({ name }) => name), ...targetNames(preprocessing)];
  const columns = requireColumns(table, names);
  const ofTargets = columns.slice(inputs.length);
  const readers: CellReader[] = [];
  if (target.kind === "class") readers.push(labelReader(table, ofTargets[0]!, target));
  else
    for (const [index, as] of target.columns.entries()) readers.push(yield* numberReader(table, ofTargets[index]!, as));
  const lacksTarget = yield* markMissing(table.rowCount, readers);
  if (!lacksTarget.includes(0)) {
    const expected = `rows with a value of ${listNames(targetNames(preprocessing))}`;
    const fix = "add the true values; predicting does without them";
    throw new BadFile({ place: table.place, expected, got: "none", fix });
  }
  const plan = yield* planInputs(preprocessing, table, columns, isStrict);
  const why = "with a target and without empty cells";
  const rows = requireRows(table, (row) => lacksTarget[row] === 1 || plan.marks[row] === 1, why);
  const { inputs: encoded, ...rest } = yield* encodePlan(plan, table, rows);
  const encoders =
    target.kind === "class"
      ? [classEncoder(readers[0]!, target)]
      : target.columns.map((as, index) => numberTargetEncoder(readers[index]!, as));
  const targets = yield* encodeRows(table.place, encoders, rows);
  const withoutTarget = lacksTarget.reduce((sum, lacks) => sum + lacks, 0);
  const ofEncoders = encoders.flatMap((encoder) => encoder.notes);
  const notes = [...readers.flatMap(({ note }) => note ?? []), ...ofEncoders, ...rest.notes];
  return { ...rest, notes, data: datasetOf(preprocessing, encoded, targets), withoutTarget };
}

/**
 * Applies a preprocessing to the rows of a table, targets included; rows without a target are left out.
 * @throws BadFile as `encodeInputs` does, and when a class was not seen in training
 */
export async function encodeTable(
  preprocessing: Preprocessing,
  given: Table,
  options: EncodeOptions = {},
): Promise<EncodedTable> {
  const table = { ...given, missingWords: wordsOf(preprocessing, given) };
  const cells = table.rowCount * (preprocessing.inputs.length + targetNames(preprocessing).length);
  return runOverCells(tableSteps(preprocessing, table, options.strict ?? false), cells, passes, options);
}
