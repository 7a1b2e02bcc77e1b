import type { LoadFailure, LoadRow, Point, RaceRecord, Row, TimedRow } from "../race/record.ts";
import {
  formatBytes,
  formatMs,
  formatSpread,
  formatValue,
  significant,
  type Unit,
  units,
  valueIn,
} from "../race/units.ts";
import { baseOf, baseRow, entrantsOf, failedRows, isTimed, noiseRow, reasonOf, timedRows } from "./order.ts";
import { type ChartRow, isValue, type RowValue } from "./rowsLayout.ts";

// Rows of a record as rows of a chart.

const times = (ratio: number): string => `${significant(ratio)} ×`;

/** A row's time ÷ the base's, or its rate ÷ the base's. */
function ratioIn(unit: Unit, row: TimedRow, base: TimedRow): number {
  if (!unit.amount) return row.ratio.median;
  return (row.steps ?? 1) / (base.steps ?? 1) / row.ratio.median;
}

/** What × means, and how far it strays where the same contender runs twice; nothing where the base has no figure. */
export function ratioNote(point: Point, { amount }: Unit): string[] {
  const base = baseRow(point)?.contender;
  if (base === undefined) return [];
  const noise = noiseRow(point);
  const meaning = `×: ${amount ? "rate" : "time"} ÷ ${base}'s`;
  if (!noise) return [meaning];
  const { lowerQuartile, upperQuartile } = noise.ratio;
  const [low, high] = amount ? [1 / upperQuartile, 1 / lowerQuartile] : [lowerQuartile, upperQuartile];
  return [`${meaning}; for ${base} run twice ${low.toFixed(2)} to ${high.toFixed(2)}, which is noise`];
}

/** All rows of a chart in a sentence, for those who cannot see it. */
export const inWords = (rows: readonly ChartRow[]): string =>
  rows
    .map(({ label, values, failure }) => {
      const words = values.map((value) => (isValue(value) ? value.text : value));
      return `${label} ${failure ?? words.join(" and ")}`;
    })
    .join("; ");

function valueOf(unit: Unit, row: TimedRow, point: Point): RowValue {
  const value = valueIn(unit, row, point);
  const base = baseRow(point);
  const ratio = base ? [times(ratioIn(unit, row, base))] : [];
  const text = [formatValue(unit, value.median), ...ratio].join(" · ");
  const tip = [row.label, formatSpread(unit, value), ...ratio, `${row.samples.length} blocks`].join("\n");
  return { ...value, text, tip };
}

/** Best first. */
function sorted(rows: readonly ChartRow[], { moreIsBetter }: Unit): ChartRow[] {
  const median = ({ values }: ChartRow): number => values.find(isValue)?.median ?? Number.NaN;
  return [...rows].sort((a, b) => (moreIsBetter ? median(b) - median(a) : median(a) - median(b)));
}

/** The best first, those that failed last. */
export function pointRows(point: Point, unit: Unit): ChartRow[] {
  const base = baseRow(point)?.contender;
  const timed = timedRows(point).map((row): ChartRow => {
    const { contender, label } = row;
    return { contender, label, values: [valueOf(unit, row, point)], isBase: contender === base };
  });
  const failed = failedRows(point).map((row): ChartRow => {
    const { contender, label } = row;
    return { contender, label, values: [], failure: reasonOf(row) };
  });
  return [...sorted(timed, unit), ...failed];
}

const isLoaded = (row: LoadRow | LoadFailure): row is LoadRow => "samples" in row;

function loadValue({ label, summary, scriptGzipBytes, wasmGzipBytes }: LoadRow): RowValue {
  const size = formatBytes(scriptGzipBytes + wasmGzipBytes);
  const tip = [label, formatSpread(units.time, summary), `${size} gzipped`].join("\n");
  return { ...summary, text: `${formatMs(summary.median)} · ${size}`, tip };
}

export function loadRows(load: NonNullable<RaceRecord["load"]>): ChartRow[] {
  const rows = load.map((row): ChartRow => {
    const { contender, label } = row;
    if (isLoaded(row)) return { contender, label, values: [loadValue(row)], isBase: contender === "thalweg" };
    return { contender, label, values: [], failure: `failed: ${row.reason}` };
  });
  const loaded = rows.filter(({ failure }) => failure === undefined);
  return [...sorted(loaded, units.time), ...rows.filter(({ failure }) => failure !== undefined)];
}

/** A side's value, or why it has none. */
function sideValue(row: Row | undefined, point: Point, unit: Unit): RowValue | string {
  if (!row) return "not in the record";
  if (!isTimed(row)) return reasonOf(row);
  const value = valueIn(unit, row, point);
  return { ...value, text: formatValue(unit, value.median), tip: `${row.label}\n${formatSpread(unit, value)}` };
}

/** Says behind the second value how it compares with the first. */
function withRatio(values: readonly [RowValue | string, RowValue | string]): (RowValue | string)[] {
  const [first, second] = values;
  if (!isValue(first) || !isValue(second)) return [...values];
  return [first, { ...second, text: `${second.text} · ${times(second.median / first.median)}` }];
}

/** A row for each contender of two points; `failure` where neither has a value. */
export function comparedRows(points: readonly [Point, Point], unit: Unit): ChartRow[] {
  const base = baseOf(points);
  const rows = entrantsOf({ points }).map(({ contender, label, rows }): ChartRow => {
    const first = sideValue(rows[0], points[0], unit);
    const second = sideValue(rows[1], points[1], unit);
    if (isValue(first) || isValue(second)) {
      return { contender, label, values: withRatio([first, second]), isBase: contender === base };
    }
    const failure = first === second ? first : `${first}; ${second}`;
    return { contender, label, values: [], failure };
  });
  const valued = rows.filter(({ failure }) => failure === undefined);
  return [...sorted(valued, unit), ...rows.filter(({ failure }) => failure !== undefined)];
}
