import { BadFile, InvalidInput } from "../errors.ts";
import type { Dataset } from "../executor.ts";
import { requireName } from "../network.ts";
import { permutation, streams } from "../random.ts";
import { type Choice, type ColumnOptions, type IgnoredColumn, type Task, chooseColumns } from "./chooseColumns.ts";
import { completeRows, inputsOf, targetsOf } from "./encode.ts";
import { type ColumnSummary, requireNumber } from "./inspect.ts";
import type { InputColumn, NumberColumn, Preprocessing, Target } from "./preprocessing.ts";
import { type Column, type Table, isMissing, numberOf, quote, textOf } from "./table.ts";

export interface PrepareOptions extends ColumnOptions {
  /** Share of the rows that is held out, from 0 to below 1; default 0.2. */
  readonly validation?: number;
  /** Decides which rows are held out; default 1. */
  readonly seed?: number;
  /** Two classes as one output, which binaryCrossEntropy takes; default one output per class. */
  readonly binary?: boolean;
}

/** What was understood of a table, for showing it before anything is trained. */
export interface TableReport {
  readonly rows: number;
  /** Rows left out because a used cell is missing. */
  readonly droppedRows: number;
  readonly task: Task;
  readonly ignored: readonly IgnoredColumn[];
  /** Anything else worth a line. */
  readonly notes: readonly string[];
}

export interface Prepared {
  readonly preprocessing: Preprocessing;
  readonly training: Dataset;
  /** Held-out rows; undefined when none were asked for. */
  readonly validation: Dataset | undefined;
  readonly trainingRows: number;
  readonly validationRows: number;
  readonly report: TableReport;
}

/** Mean and population deviation in two passes, of the training rows. */
function standardize(table: Table, column: Column, rows: Uint32Array): NumberColumn {
  const { name, cells } = column;
  let sum = 0;
  let varies = false; // rounding of the mean can make the deviation of equal numbers a little more than 0
  for (const row of rows) {
    sum += requireNumber(table, row, column);
    varies ||= numberOf(cells[row]!) !== numberOf(cells[rows[0]!]!);
  }
  const mean = sum / rows.length;
  let squares = 0;
  for (const row of rows) squares += (numberOf(cells[row]!)! - mean) ** 2;
  const deviation = Math.sqrt(squares / rows.length);
  if (Number.isFinite(deviation)) return { kind: "number", name, mean, deviation: (varies && deviation) || 1 };
  const place = `${table.place}: column ${quote(name)}`;
  const fix = "divide the column by a large number, or ignore it";
  throw new BadFile({ place, expected: "numbers below 1e150 in size", got: "larger ones", fix });
}

/** Categories in the order of their code units, numbers by size: the same on every machine. */
function categories({ column, kind }: ColumnSummary, rows: Uint32Array): string[] {
  const values = new Set<string>();
  for (const row of rows) {
    const cell = column.cells[row]!;
    values.add(kind === "number" ? String(numberOf(cell)) : textOf(cell));
  }
  const sorted = [...values].sort();
  return kind === "number" ? sorted.sort((a, b) => Number(a) - Number(b)) : sorted;
}

function classTarget(table: Table, summary: ColumnSummary, rows: Uint32Array, binary: boolean): Target {
  const { column, kind } = summary;
  if (kind === "number") for (const row of rows) requireNumber(table, row, column);
  const values = categories(summary, rows);
  const place = `${table.place}: column ${quote(column.name)}`;
  if (values.length < 2) {
    const expected = "at least two classes in the complete rows";
    const got = `one class only, ${quote(values[0]!)}`;
    throw new BadFile({ place, expected, got, fix: "choose another target, or ignore columns with many empty cells" });
  }
  if (values.length > 1000 || (values.length > 10 && values.length > rows.length / 2)) {
    const fix = "use the task regression, or choose another target";
    throw new BadFile({ place, expected: "classes that repeat", got: `${values.length} different values`, fix });
  }
  return { kind: "class", name: column.name, values, encoding: binary && values.length === 2 ? "binary" : "oneHot" };
}

function targetOf(table: Table, { task, targets }: Choice, rows: RowSplit, binary: boolean): Target {
  if (task === "classification") return classTarget(table, targets[0]!, rows.complete, binary);
  return { kind: "number", columns: targets.map(({ column }) => standardize(table, column, rows.training)) };
}

function inputColumn(table: Table, summary: ColumnSummary, rows: RowSplit): InputColumn {
  if (summary.kind === "number") return standardize(table, summary.column, rows.training);
  return { kind: "category", name: summary.column.name, values: categories(summary, rows.complete) };
}

interface RowSplit {
  readonly complete: Uint32Array;
  readonly training: Uint32Array;
  readonly validation: Uint32Array;
}

function requireComplete(table: Table, { inputs, targets }: Choice): Uint32Array {
  const used = [...inputs, ...targets];
  const rows = completeRows(
    table,
    used.map(({ column }) => column),
  );
  if (rows.length >= 2) return rows;
  const { column, missing } = used.toSorted((a, b) => b.missing - a.missing)[0]!;
  const got = `${rows.length} of ${table.rowCount}`;
  const fix = missing > 0 ? `ignore column ${quote(column.name)}, which is empty in ${missing} rows` : "add rows";
  throw new BadFile({ place: table.place, expected: "at least two rows without empty cells", got, fix });
}

/** At least one row on either side when any are held out. */
function splitRows(complete: Uint32Array, share: number, seed: number): RowSplit {
  const held = share === 0 ? 0 : Math.min(complete.length - 1, Math.max(1, Math.round(complete.length * share)));
  const order = permutation(complete.length, seed, streams.split);
  const pick = (from: number, to: number): Uint32Array =>
    order
      .slice(from, to)
      .map((index) => complete[index]!)
      .sort();
  return { complete, validation: pick(0, held), training: pick(held, complete.length) };
}

function notesOf(table: Table, { task, targets }: Choice): string[] {
  const { column, distinct } = targets[0]!;
  const few = task === "regression" && targets.length === 1 && distinct <= 10;
  const integers = few && column.cells.every((cell) => isMissing(cell) || Number.isInteger(numberOf(cell)));
  const notes = [...table.notes];
  const name = quote(column.name);
  if (integers)
    notes.push(`${name} has ${distinct} different whole numbers; the task classification would take them as classes`);
  return notes;
}

function requireShare(place: string, share: number): void {
  if (share >= 0 && share < 1) return;
  const expected = "a share of the rows from 0 to below 1";
  throw new InvalidInput({ place, expected, got: String(share), fix: "pass 0.2 to hold out a fifth" });
}

/**
 * Understands a table and makes training data of it: chooses and types columns, leaves out incomplete rows, holds rows
 * out by a seeded permutation, standardises numbers by the training rows, and encodes categories one-hot.
 * @throws InvalidInput when an option names no column or does not fit it
 * @throws BadFile when the table cannot be learned from: text among numbers, one class only, no complete rows
 */
export function prepare(table: Table, options: PrepareOptions): Prepared {
  const { validation: share = 0.2, seed = 1, binary = false } = options;
  requireShare(`${table.place}: validation`, share);
  if (options.task !== undefined) requireName(`${table.place}: task`, options.task, ["classification", "regression"]);
  const choice = chooseColumns(table, options);
  const rows = splitRows(requireComplete(table, choice), share, seed);
  const preprocessing: Preprocessing = {
    inputs: choice.inputs.map((summary) => inputColumn(table, summary, rows)),
    target: targetOf(table, choice, rows, binary),
  };
  const dataset = (of: Uint32Array): Dataset => ({
    inputs: inputsOf(table, of, preprocessing),
    targets: targetsOf(table, of, preprocessing),
  });
  return {
    preprocessing,
    training: dataset(rows.training),
    validation: rows.validation.length > 0 ? dataset(rows.validation) : undefined,
    trainingRows: rows.training.length,
    validationRows: rows.validation.length,
    report: {
      rows: table.rowCount,
      droppedRows: table.rowCount - rows.complete.length,
      task: choice.task,
      ignored: choice.ignored,
      notes: notesOf(table, choice),
    },
  };
}
