import type { Check, FailedRow, Point, Row, TimedRow } from "../race/record.ts";
import {
  formatBytes,
  formatFlops,
  formatMs,
  formatShare,
  formatSpread,
  significant,
  units,
  valueIn,
} from "../race/units.ts";
import { notRecorded } from "../race/stepRecord.ts";
import { baseRow, failedRows, fastestFirst, isTimed, noiseRow, reasonOf, timedRows, worstOf } from "./order.ts";
import { type Column, escape, table } from "./markdownTable.ts";

// Tables of one point: times, and calls of WebGPU.

const spreadText = ({ median, lowerQuartile, upperQuartile }: TimedRow["ratio"]): string =>
  `${significant(median)} (${significant(lowerQuartile)} … ${significant(upperQuartile)})`;

/** The fields that the schema of an older record did not have. */
const lacks = ({ notes }: TimedRow, field: string): boolean =>
  notes.some(
    (note) =>
      note.startsWith(notRecorded) &&
      note
        .slice(notRecorded.length)
        .split(",")
        .some((name) => name.trim() === field),
  );

/** `1.2e-7 after 100`: the deviation that comes closest to its bound. */
function deviationText(check: Check): string {
  const worst = worstOf(check);
  return worst ? `${significant(worst.deviation)} after ${worst.rounds.toLocaleString("en-US")}` : "";
}

/** The base's second series bears the label of its first. */
const nameOf = (row: Row): string => {
  const label = escape(row.label);
  return isTimed(row) && row.isNoise ? `_${label}, again: noise floor_` : label;
};

/** A column of a timed row; rows that failed have its cell empty, but for the one with the reason. */
const ofTimed = (title: string, cell: (row: TimedRow) => string): Column<Row> => ({
  title,
  cell: (row) => (isTimed(row) ? cell(row) : ""),
});

/** The status, in bold, and why. */
const failureText = (row: FailedRow): string => `**${row.status}**${escape(reasonOf(row).slice(row.status.length))}`;

const contenderColumn: Column<Row> = { title: "contender", isText: true, cell: nameOf };

/** Leaves out columns that no row has anything in. */
const used = (columns: readonly Column<Row>[], rows: readonly Row[]): Column<Row>[] =>
  columns.filter(({ cell }, at) => at === 0 || rows.some((row) => cell(row) !== ""));

function timeColumns(point: Point, round: string): Column<Row>[] {
  const base = baseRow(point);
  const share = ({ flopsShare }: TimedRow["rates"]): string =>
    flopsShare === undefined ? "" : formatShare(flopsShare);
  return [
    contenderColumn,
    {
      title: `time per ${round}, median (quartiles)`,
      cell: (row) => (isTimed(row) ? formatSpread(units.time, valueIn(units.time, row, point)) : failureText(row)),
    },
    ofTimed(`× ${base?.contender ?? ""}`, ({ ratio }) => (base ? spreadText(ratio) : "")),
    ofTimed("steps", ({ steps }) => steps?.toLocaleString("en-US") ?? ""),
    ofTimed("GPU time", ({ gpu }) => (gpu ? formatMs(gpu.medianMs) : "")),
    ofTimed("rate", ({ rates }) => formatFlops(rates.flopsPerSecond)),
    ofTimed("of ceiling", ({ rates }) => share(rates)),
    ofTimed("deviation", ({ check }) => deviationText(check)),
    ofTimed("after timing", ({ audit }) => deviationText(audit)),
    ofTimed("prepare", (row) => (lacks(row, "prepareMs") ? "" : formatMs(row.prepareMs))),
    ofTimed("first round", (row) => (lacks(row, "firstRoundMs") ? "" : formatMs(row.firstRoundMs))),
  ];
}

/** The fastest first; the noise floor and who failed last. */
function orderedRows(point: Point): Row[] {
  const noise = noiseRow(point);
  return [...fastestFirst(timedRows(point)), ...(noise ? [noise] : []), ...failedRows(point)];
}

export function timeTable(point: Point, round: string): string[] {
  const rows = orderedRows(point);
  return table(used(timeColumns(point, round), rows), rows);
}

type Counts = NonNullable<TimedRow["counts"]>;

const countColumn = (title: string, name: Exclude<keyof Counts, "rounds">): Column<Row> =>
  ofTimed(title, ({ counts }) => {
    if (!counts) return "";
    const thousand = (1000 * counts[name]) / Math.max(1, counts.rounds);
    if (name === "writeBufferBytes") return formatBytes(thousand);
    return Number(thousand.toPrecision(3)).toLocaleString("en-US");
  });

const countColumns: readonly Column<Row>[] = [
  contenderColumn,
  countColumn("dispatches", "dispatches"),
  countColumn("submits", "submits"),
  countColumn("passes", "passes"),
  countColumn("buffers", "createBuffer"),
  countColumn("bind groups", "createBindGroup"),
  countColumn("pipelines", "createPipeline"),
  countColumn("written", "writeBufferBytes"),
  countColumn("read-backs", "mapAsync"),
];

/** Calls of WebGPU per 1,000 rounds; nothing where nobody makes any. */
export function countTable(point: Point): string[] {
  const rows = fastestFirst(timedRows(point)).filter(({ counts }) => counts !== undefined);
  return rows.length > 0 ? table(countColumns, rows) : [];
}

const settingText = (value: string | number | boolean): string =>
  typeof value === "number" ? String(Number(value.toPrecision(Number.isInteger(value) ? 15 : 3))) : String(value);

const settingsText = ({ settings }: Row): string[] =>
  settings
    ? [
        Object.entries(settings)
          .map(([name, value]) => `${name} ${settingText(value)}`)
          .join(", "),
      ]
    : [];

/** What was chosen for each contender, and what a reader must know of its figures. */
export function notesAt({ rows }: Point): string[] {
  return rows.flatMap((row) => {
    const repeated =
      isTimed(row) && row.hiddenBlocks > 0 ? [`${row.hiddenBlocks} blocks repeated, the page was hidden`] : [];
    const notes = [...settingsText(row), ...(isTimed(row) ? row.notes : []), ...repeated];
    return notes.length > 0 ? [`${nameOf(row)}: ${escape(notes.join("; "))}`] : [];
  });
}
