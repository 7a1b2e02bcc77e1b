import { BadFile, InvalidInput } from "../errors.ts";
import { didYouMean } from "./closest.ts";
import { type ColumnSummary, inspectColumn, nearlyUnique, whyUnusable } from "./inspect.ts";
import { type Column, type Table, columnsByName, listNames, quote } from "./table.ts";

export type Task = "classification" | "regression";

/** Which columns play which part. */
export interface ColumnOptions {
  /** Column to predict, or several columns of numbers. */
  readonly target: string | readonly string[];
  /** Default: classification when the target holds text, regression when it holds numbers. */
  readonly task?: Task;
  /** Columns to learn from; default all but the target. */
  readonly columns?: readonly string[];
  /** Columns to leave out. */
  readonly ignore?: readonly string[];
}

export interface IgnoredColumn {
  readonly name: string;
  readonly why: string;
}

export interface Choice {
  readonly task: Task;
  readonly targets: readonly ColumnSummary[];
  readonly inputs: readonly ColumnSummary[];
  readonly ignored: readonly IgnoredColumn[];
}

function requireColumn(table: Table, option: string, name: string): Column {
  const byName = columnsByName(table);
  const column = byName.get(name);
  if (column) return column;
  const names = [...byName.keys()];
  const expected = `a column of the table: ${listNames(names, 40)}`;
  const fix = `${didYouMean(name, names)}choose one of these columns`;
  throw new InvalidInput({ place: `${table.place}: ${option}`, expected, got: quote(name), fix });
}

function taskOf(table: Table, targets: readonly ColumnSummary[], asked: Task | undefined): Task {
  const place = `${table.place}: target`;
  const text = targets.find(({ kind }) => kind !== "number");
  const task = asked ?? (text ? "classification" : "regression");
  if (task === "regression" && text) {
    const got = `text in column ${quote(text.column.name)}`;
    const fix = "choose a column of numbers, or the task classification";
    throw new InvalidInput({ place, expected: "numbers for the task regression", got, fix });
  }
  if (task === "classification" && targets.length > 1) {
    const fix = "choose one target; several targets must all be numbers, for the task regression";
    throw new InvalidInput({ place, expected: "one column of classes", got: `${targets.length} columns`, fix });
  }
  return task;
}

/** Whether a target can be learned at all; that it holds what the task wants is checked by `taskOf`. */
function requireLearnable(table: Table, summary: ColumnSummary): void {
  const { column, kind, distinct } = summary;
  const place = `${table.place}: column ${quote(column.name)}`;
  const fault = (expected: string, got: string): BadFile =>
    new BadFile({ place, expected, got, fix: "choose another target, or add rows" });
  if (kind === "nested") throw fault("numbers or text as target", "lists or objects");
  if (kind === "empty") throw fault("a target with values", "empty cells only");
  if (distinct === 1) throw fault("a target with at least two different values", "one class or value only");
  if (kind === "category" && nearlyUnique(summary)) throw fault("classes that repeat", `${distinct} different texts`);
}

function chooseTargets(table: Table, { target }: ColumnOptions): ColumnSummary[] {
  const names = typeof target === "string" ? [target] : target;
  const place = `${table.place}: target`;
  const expected = "one or more different column names";
  const fix = "name each target column once";
  if (names.length === 0) throw new InvalidInput({ place, expected, got: "none", fix });
  if (new Set(names).size < names.length) throw new InvalidInput({ place, expected, got: listNames(names), fix });
  return names.map((name) => {
    const summary = inspectColumn(requireColumn(table, "target", name));
    requireLearnable(table, summary);
    return summary;
  });
}

/** Which columns are targets, inputs, or ignored, and why. */
export function chooseColumns(table: Table, options: ColumnOptions): Choice {
  const targets = chooseTargets(table, options);
  const task = taskOf(table, targets, options.task);
  for (const name of options.columns ?? []) requireColumn(table, "columns", name);
  for (const name of options.ignore ?? []) requireColumn(table, "ignore", name);
  const wanted = options.columns && new Set(options.columns);
  const unwanted = new Set(options.ignore);
  const inputs: ColumnSummary[] = [];
  const ignored: IgnoredColumn[] = [];
  for (const column of table.columns) {
    if (targets.some((target) => target.column === column)) continue;
    const { name } = column;
    const summary = inspectColumn(column);
    const left = unwanted.has(name) || (wanted && !wanted.has(name));
    const why = left ? "left out as asked" : whyUnusable(summary);
    if (why === undefined) inputs.push(summary);
    else ignored.push({ name, why });
  }
  if (inputs.length > 0) return { task, targets, inputs, ignored };
  const got = ignored.map(({ name, why }) => `${quote(name)} ${why}`).join("; ") || "the target alone";
  const fix = "add columns, or ignore fewer";
  throw new BadFile({ place: table.place, expected: "at least one column to learn from", got: got.slice(0, 300), fix });
}
