import { BadFile, InvalidInput } from "../errors.ts";
import { goesWithTarget } from "./correlation.ts";
import { identityOf } from "./identifiers.ts";
import { type ColumnSummary, nearlyUnique, whyImpossible, whyUseless } from "./inspect.ts";
import { inspectWords } from "./missingCells.ts";
import { type SliceOptions, type Steps, runOverCells } from "./slices.ts";
import { type Column, type Table, columnName, columnsByName, listNames, quote } from "./table.ts";
import { type Task, type TaskChoice, chooseTask } from "./task.ts";
import { unknownColumn } from "./unknownColumn.ts";

/** Which columns play which part. */
export interface ColumnOptions {
  /** Column to predict, or several columns of numbers. */
  readonly target: string | readonly string[];
  /** Default: classification when the target holds text or few different whole numbers, else regression. */
  readonly task?: Task;
  /** Input columns; default: all except the target and unusable ones. */
  readonly columns?: readonly string[];
  /** Columns to leave out. */
  readonly ignore?: readonly string[];
  /** Column of numbers of at least 0 that say how much each row counts: the data's `weights`. */
  readonly weightColumn?: string;
}

export interface IgnoredColumn {
  readonly name: string;
  readonly why: string;
  /** The option `columns` would make it an input all the same. */
  readonly canBeKept: boolean;
}

export interface Choice extends TaskChoice {
  readonly targets: readonly ColumnSummary[];
  readonly inputs: readonly ColumnSummary[];
  /** Column of the weights of the rows. */
  readonly weights?: ColumnSummary;
  readonly ignored: readonly IgnoredColumn[];
  readonly notes: readonly string[];
}

function requireColumn(table: Table, byName: ReadonlyMap<string, Column>, option: string, name: string): Column {
  const column = byName.get(columnName(name));
  if (column) return column;
  throw unknownColumn(table, option, name);
}

/** Whether a target can be learned at all; that it holds what the task wants is checked by `chooseTask`. */
function requireLearnable(table: Table, summary: ColumnSummary): void {
  const { column, kind, distinct } = summary;
  const place = `${table.place}: column ${quote(column.name)}`;
  const fault = (expected: string, got: string): BadFile =>
    new BadFile({ place, expected, got, fix: "choose another target, or add rows" });
  if (kind === "nested") throw fault("numbers or text as target", "lists or objects");
  if (kind === "empty") throw fault("a target with values", "empty cells only");
  if (distinct === 1) throw fault("a target with at least two different values", "one class or value only");
  if (kind === "category" && nearlyUnique(summary)) {
    throw fault("classes that repeat", [`${distinct} different text values`, ...summary.notes].join("; "));
  }
}

function* chooseTargets(
  table: Table,
  byName: ReadonlyMap<string, Column>,
  { target }: ColumnOptions,
): Steps<ColumnSummary[]> {
  const names = typeof target === "string" ? [target] : target;
  const place = `${table.place}: target`;
  const expected = "one or more different column names";
  const fix = "name each target column once";
  if (names.length === 0) throw new InvalidInput({ place, expected, got: "none", fix });
  if (new Set(names.map(columnName)).size < names.length)
    throw new InvalidInput({ place, expected, got: listNames(names), fix });
  const summaries: ColumnSummary[] = [];
  for (const column of names.map((name) => requireColumn(table, byName, "target", name))) {
    const summary = yield* inspectWords(table, column);
    requireLearnable(table, summary);
    summaries.push(summary);
  }
  return summaries;
}

interface Candidate {
  readonly summary: ColumnSummary;
  readonly ignored?: IgnoredColumn;
  /** Ignored for how its numbers are spread alone: better than nothing. */
  readonly isSpare?: boolean;
}

function judge(summary: ColumnSummary, isAsked: boolean): Candidate {
  const { column, kind, distinct, missing, labels, whole } = summary;
  const { name } = column;
  const impossible = whyImpossible(summary);
  if (impossible !== undefined) {
    const words = kind === "empty" ? summary.notes : [];
    return { summary, ignored: { name, why: [impossible, ...words].join("; "), canBeKept: false } };
  }
  const isText = kind === "category";
  const present = column.cells.length - missing;
  const useless = whyUseless(summary);
  if (useless !== undefined && !isAsked) {
    return { summary, ignored: { name, why: [useless, ...summary.notes].join("; "), canBeKept: true } };
  }
  if (kind === "date") return { summary };
  const { why, byName = false, areNames, note } = identityOf(column, { isText, distinct, present, labels, whole });
  if (why !== undefined && !isAsked) return { summary, ignored: { name, why, canBeKept: true }, isSpare: !byName };
  const notes = note === undefined ? summary.notes : [...summary.notes, note];
  return { summary: { ...summary, notes, ...(areNames && { kind: "category" }) } };
}

function noInputs(table: Table, ignored: readonly IgnoredColumn[]): BadFile {
  const got = ignored.map(({ name, why }) => `${quote(name)} ${why}`).join("; ") || "only the target column";
  const keep = ignored.find(({ canBeKept }) => canBeKept);
  const fix = keep ? `name the input columns, such as ${quote(keep.name)}` : "add columns, or ignore fewer";
  const expected = "at least one input column";
  return new BadFile({ place: table.place, expected, got: got.slice(0, 300), fix });
}

/** The column of the weights, which is no target. */
function requireWeights(table: Table, byName: ReadonlyMap<string, Column>, name: string, targets: ReadonlySet<Column>) {
  const column = requireColumn(table, byName, "weightColumn", name);
  if (!targets.has(column)) return column;
  const place = `${table.place}: weightColumn`;
  const fix = "name another column";
  throw new InvalidInput({ place, expected: "a column that is not the target", got: quote(name), fix });
}

/** What a column holds. */
export interface ColumnKind {
  readonly name: string;
  readonly kind: ColumnSummary["kind"];
  readonly missing: number;
  /** Different values, missing ones not counted. */
  readonly distinct: number;
  /** Why `prepare` would not make it an input unless it is requested. */
  readonly unused: string | undefined;
}

function* kindSteps(table: Table): Steps<ColumnKind[]> {
  const kinds: ColumnKind[] = [];
  for (const column of table.columns) {
    const summary = yield* inspectWords(table, column);
    const { missing, distinct } = summary;
    const { summary: judged, ignored } = judge(summary, false);
    kinds.push({ name: column.name, kind: judged.kind, missing, distinct, unused: ignored?.why });
  }
  return kinds;
}

/** Says what each column of a table holds, in slices of a few milliseconds. */
export async function columnKinds(table: Table, options: SliceOptions = {}): Promise<ColumnKind[]> {
  return runOverCells(kindSteps(table), table.rowCount * table.columns.length, 3, options);
}

/** The candidates that are not ignored; where that is none, those that are ignored for how their numbers are spread alone. */
function usedOf(candidates: readonly Candidate[], ignored: Map<Column, IgnoredColumn>, notes: string[]): Candidate[] {
  const inputs = candidates.filter((candidate) => !candidate.ignored);
  if (inputs.length > 0) return inputs;
  const spare = candidates.filter(({ isSpare }) => isSpare === true);
  for (const { summary, ignored: left } of spare) {
    ignored.delete(summary.column);
    notes.push(`${quote(summary.column.name)} holds ${left!.why}; it is kept because no other column is left`);
  }
  return spare;
}

/** Which columns are targets, inputs, or ignored, and why. */
export function* chooseColumns(table: Table, options: ColumnOptions): Steps<Choice> {
  const byName = columnsByName(table);
  const columnsOf = (option: "columns" | "ignore"): Set<Column> =>
    new Set((options[option] ?? []).map((name) => requireColumn(table, byName, option, name)));
  const wanted = options.columns && columnsOf("columns");
  const unwanted = columnsOf("ignore");
  const targets = yield* chooseTargets(table, byName, options);
  const task = chooseTask(table, targets, options.task);
  const isTarget = new Set(targets.map(({ column }) => column));
  const { weightColumn } = options;
  const weights = weightColumn === undefined ? undefined : requireWeights(table, byName, weightColumn, isTarget);
  const notes: string[] = [];
  const candidates: Candidate[] = [];
  const ignored = new Map<Column, IgnoredColumn>();
  for (const column of table.columns) {
    const { name } = column;
    if (isTarget.has(column)) continue;
    if (column === weights) {
      ignored.set(column, { name, why: "holds the weights of the rows", canBeKept: false });
      continue;
    }
    if (unwanted.has(column) || (wanted && !wanted.has(column))) {
      ignored.set(column, { name, why: "excluded as requested", canBeKept: false });
      continue;
    }
    const judged = judge(yield* inspectWords(table, column), wanted !== undefined);
    const { summary, isSpare = false } = judged;
    const speaks = isSpare && (yield* goesWithTarget(summary, targets[0]!, task.task));
    if (speaks)
      notes.push(`${quote(name)} holds ${judged.ignored!.why}; it is kept because it correlates with the target`);
    const candidate = speaks ? { summary } : judged;
    candidates.push(candidate);
    if (candidate.ignored) ignored.set(column, candidate.ignored);
  }
  const inputs = usedOf(candidates, ignored, notes);
  if (inputs.length === 0) throw noInputs(table, [...ignored.values()]);
  return {
    ...task,
    targets,
    inputs: inputs.map(({ summary }) => summary),
    ...(weights && { weights: yield* inspectWords(table, weights) }),
    ignored: [...ignored.values()],
    notes,
  };
}
