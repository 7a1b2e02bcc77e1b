import { BadFile } from "../errors.ts";
import { type ColumnSummary, inspectColumn, isMissingIn } from "./inspect.ts";
import { type Steps, each } from "./slices.ts";
import { labelOf } from "./spelling.ts";
import { type Column, type Table, quote } from "./table.ts";

/** What is done with rows that have a missing cell among the inputs. */
export const missingCellsChoices = ["auto", "impute", "drop"] as const;
export type MissingCells = (typeof missingCellsChoices)[number];

/** With `auto` rows are dropped where at most this share of them would be lost. */
const mostLost = 0.05;

/** Fewer rows than this, or than this share of them, are too few to be left without a warning. */
const fewestRows = 10;
const leastShare = 0.2;
/** Lost rows that a note names. */
const mostNamed = 5;

/** Which rows can be learned from. */
export interface UsedRows {
  /** Rows of the table, ascending. */
  readonly rows: Uint32Array;
  /** Rows whose target is missing. */
  readonly withoutTarget: number;
  /** Rows with a target and a missing input. */
  readonly withoutInput: number;
  /** The first of those rows. */
  readonly firstLost: readonly number[];
  /** Whether missing inputs are filled; else their rows are left out. */
  readonly isImputed: boolean;
  /** Input columns with missing cells in rows with a target, those with most first. */
  readonly missing: readonly { readonly name: string; readonly cells: number }[];
}

/** Whether one of the columns is missing in each row. */
function* flagsOf(
  table: Table,
  columns: readonly ColumnSummary[],
  onMissing?: (column: ColumnSummary, row: number) => void,
): Steps<Uint8Array> {
  const flags = new Uint8Array(table.rowCount);
  for (const summary of columns) {
    if (summary.missing === 0) continue;
    yield* each(table.rowCount, (row) => {
      if (!isMissingIn(summary, row)) return;
      flags[row] = 1;
      onMissing?.(summary, row);
    });
  }
  return flags;
}

function rowsWhere(count: number, isWanted: (row: number) => boolean): Uint32Array {
  const rows = new Uint32Array(count);
  let found = 0;
  for (let row = 0; row < count; row++) if (isWanted(row)) rows[found++] = row;
  return rows.slice(0, found);
}

function requireTwoRows(table: Table, used: readonly ColumnSummary[], rows: Uint32Array): void {
  if (rows.length >= 2) return;
  const { column, missing } = used.toSorted((a, b) => b.missing - a.missing)[0]!;
  const got = `${rows.length} of ${table.rowCount}`;
  const fix = missing > 0 ? `ignore column ${quote(column.name)}, which is empty in ${missing} rows` : "add rows";
  throw new BadFile({ place: table.place, expected: "at least two rows without empty cells", got, fix });
}

/** Decides which rows are learned from, and whether missing inputs are filled. */
export function* chooseRows(
  table: Table,
  { inputs, targets }: { inputs: readonly ColumnSummary[]; targets: readonly ColumnSummary[] },
  wanted: MissingCells,
): Steps<UsedRows> {
  const lacksTarget = yield* flagsOf(table, targets);
  const cells = new Map<ColumnSummary, number>();
  const lacksInput = yield* flagsOf(table, inputs, (column, row) => {
    if (lacksTarget[row] === 0) cells.set(column, (cells.get(column) ?? 0) + 1);
  });
  let withoutTarget = 0;
  let withoutInput = 0;
  const firstLost: number[] = [];
  yield* each(table.rowCount, (row) => {
    if (lacksTarget[row] === 1) withoutTarget++;
    else if (lacksInput[row] === 1) {
      withoutInput++;
      if (firstLost.length < mostNamed) firstLost.push(row);
    }
  });
  const known = table.rowCount - withoutTarget;
  const isImputed = wanted === "impute" || (wanted === "auto" && withoutInput > mostLost * known);
  const rows = rowsWhere(table.rowCount, (row) => lacksTarget[row] === 0 && (isImputed || lacksInput[row] === 0));
  requireTwoRows(table, isImputed ? targets : [...inputs, ...targets], rows);
  const missing = [...cells].map(([{ column }, count]) => ({ name: column.name, cells: count }));
  missing.sort((a, b) => b.cells - a.cells);
  return { rows, withoutTarget, withoutInput, firstLost, isImputed, missing };
}

/** The words that stand for missing cells in a column, with their cells: `"NA" in 5`; undefined where cells are only empty. */
function* missingWordsFound(summary: ColumnSummary): Steps<string | undefined> {
  const { column, missing, missingWords } = summary;
  if (missing === 0) return undefined;
  const counts = new Map<string, number>();
  yield* each(column.cells.length, (row) => {
    const cell = column.cells[row]!;
    const label = cell === null ? "" : labelOf(cell);
    if (label !== "" && missingWords.has(label)) counts.set(label, (counts.get(label) ?? 0) + 1);
  });
  if (counts.size === 0) return undefined;
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, mostNamed)
    .map(([word, count]) => `${quote(word)} in ${count}`)
    .join(", ");
}

/** Which words were taken as missing, where they may be values: in a column of text, or in most cells. */
function* missingWordsNote(summary: ColumnSummary): Steps<string | undefined> {
  const { kind, missing, column } = summary;
  const mayBeValues = kind === "category" || kind === "empty" || missing > column.cells.length / 2;
  const found = mayBeValues ? yield* missingWordsFound(summary) : undefined;
  if (found === undefined) return undefined;
  return `read as missing: ${found} of ${column.cells.length} cells; --missing sets these words`;
}

/** What a column holds, with a note on words that were taken as missing. */
export function* inspectWords(table: Table, column: Column): Steps<ColumnSummary> {
  const summary = yield* inspectColumn(table, column);
  const note = yield* missingWordsNote(summary);
  return note === undefined ? summary : { ...summary, notes: [...summary.notes, note] };
}

/**
 * What was done with missing cells, in sentences without a full stop.
 * @param isFilled whether a value stands for some of them; else they are categories of embeddings
 */
export function missingNotes(
  table: Table,
  { withoutTarget, withoutInput, isImputed, missing, rows, firstLost }: UsedRows,
  targetName: string,
  isFilled = true,
): string[] {
  const notes: string[] = [];
  if (withoutTarget > 0) {
    const have = withoutTarget === 1 ? ["has", "is"] : ["have", "are"];
    notes.push(`${withoutTarget} of ${table.rowCount} rows ${have[0]} no ${quote(targetName)} and ${have[1]} not used`);
  }
  if (withoutInput === 0) return notes;
  const isOne = withoutInput === 1;
  const named = missing.slice(0, 5).map(({ name, cells }) => `${quote(name)} (${cells})`);
  const more =
    missing.length > 5 ? ` and ${missing.length - 5} more ${missing.length === 6 ? "column" : "columns"}` : "";
  const kept = isFilled ? "filled with the median or the most frequent value, and an extra input marks them" : "kept";
  const what = isImputed
    ? `cells are ${kept}`
    : `${isOne ? "this row is" : "these rows are"} dropped, ${rows.length} rows remain`;
  const known = table.rowCount - withoutTarget;
  notes.push(
    `${withoutInput} of ${known} rows ${isOne ? "has" : "have"} missing cells, in ${named.join(", ")}${more}: ${what}`,
  );
  const isFew = rows.length < fewestRows || rows.length < leastShare * known;
  if (!isImputed && isFew) {
    const lost = firstLost.map((row) => table.rowName(row)).join(", ");
    notes.push(
      `warning: only ${rows.length} of ${known} rows are used; dropped: ${lost}${withoutInput > firstLost.length ? ", …" : ""}; choose impute to fill missing cells instead`,
    );
  }
  return notes;
}
