import { InvalidInput } from "../errors.ts";
import { type ColumnSummary, mostLabels } from "./inspect.ts";
import { mergeLabels } from "./spelling.ts";
import { type Table, quote } from "./table.ts";

export type Task = "classification" | "regression";

/** How a target was understood. */
export interface TaskChoice {
  readonly task: Task;
  /** Why, in words. */
  readonly taskReason: string;
  /** The task that the target could have as well. */
  readonly otherTask: Task | undefined;
}

/** More different whole numbers than this are amounts unless the user says that they are classes. */
const mostClassNumbers = 10;

function isPlainWhole({ kind, whole, numbers }: ColumnSummary): boolean {
  return kind === "number" && whole !== undefined && numbers?.strays.size === 0;
}

/** Different numbers: "1" and "1.0" are one. */
const classCount = ({ labels, distinct }: ColumnSummary): number =>
  labels ? mergeLabels(labels).labels.values.length : distinct;

/** Whole numbers of which each stands for several rows. */
const areClassNumbers = (summary: ColumnSummary, count: number): boolean =>
  isPlainWhole(summary) && count <= mostClassNumbers && count <= (summary.column.cells.length - summary.missing) / 2;

function fault(table: Table, expected: string, got: string, fix: string): InvalidInput {
  return new InvalidInput({ place: `${table.place}: target`, expected, got, fix });
}

function requireNoDates(table: Table, targets: readonly ColumnSummary[]): void {
  const dates = targets.find(({ kind, almostDates }) => kind === "date" || almostDates !== undefined);
  if (!dates) return;
  if (dates.dateForm === "time") {
    const fix = "write them as numbers, such as minutes, or pass the task classification";
    throw fault(
      table,
      "numbers or classes as target",
      `times such as 14:05 in column ${quote(dates.column.name)}`,
      fix,
    );
  }
  const fix = "predict a number, such as the days from one date to another, or pass the task classification";
  throw fault(table, "numbers or classes as target", `dates in column ${quote(dates.column.name)}`, fix);
}

function asked(table: Table, targets: readonly ColumnSummary[], task: Task): Task {
  const text = targets.find(({ kind }) => kind !== "number");
  if (task === "regression" && text) {
    requireNoDates(table, targets);
    const got = `text in column ${quote(text.column.name)}`;
    throw fault(
      table,
      "numbers for the task regression",
      got,
      "choose a column of numbers, or the task classification",
    );
  }
  if (task === "classification" && targets.length > 1) {
    const fix = "choose one target; several targets must all be numbers, for the task regression";
    throw fault(table, "one column of classes", `${targets.length} columns`, fix);
  }
  return task;
}

/**
 * Decides whether a target is classes or amounts.
 * @throws InvalidInput where the target is neither, or does not fit the task that was requested
 */
export function chooseTask(table: Table, targets: readonly ColumnSummary[], wanted: Task | undefined): TaskChoice {
  const [first] = targets;
  if (wanted) return { task: asked(table, targets, wanted), taskReason: "as requested", otherTask: undefined };
  requireNoDates(table, targets);
  if (targets.some(({ kind }) => kind !== "number")) {
    return {
      task: asked(table, targets, "classification"),
      taskReason: "text values are classes",
      otherTask: undefined,
    };
  }
  if (targets.length > 1) {
    return { task: "regression", taskReason: "several numeric targets", otherTask: undefined };
  }
  const count = classCount(first!);
  if (areClassNumbers(first!, count)) {
    const taskReason = `${count} different whole numbers are classes`;
    return { task: "classification", taskReason, otherTask: "regression" };
  }
  const couldBeClasses = isPlainWhole(first!) && count <= mostLabels && count < first!.column.cells.length / 2;
  const taskReason = couldBeClasses ? `${count} different whole numbers are amounts` : "numbers are amounts";
  return { task: "regression", taskReason, otherTask: couldBeClasses ? "classification" : undefined };
}
