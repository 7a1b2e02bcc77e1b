import type * as Plot from "@observablehq/plot";
import type { Point, Race, RaceRecord } from "../race/record.ts";
import { formatTick, roundOf, titleOf, type Unit, units } from "../race/units.ts";
import { comparedRows, inWords, loadRows, pointRows, ratioNote } from "./chartRows.ts";
import { type ChartOptions, draw, headOf, pixelTexts, wideFrom } from "./frame.ts";
import { namesOf } from "./order.ts";
import { paintOf } from "./palette.ts";
import { rowsChart } from "./rowsChart.ts";
import { legendBelow, type Line, measured } from "./sweepLegend.ts";
import { chartMarks, formatX, linesOf, summaryOf } from "./sweepMarks.ts";
import { textWidth } from "./textLayout.ts";

// Records as pictures. All of them are SVG elements that tell what they show in words as well.

const betterNote = ({ moreIsBetter }: Unit, what: string): string =>
  `${what}, ${moreIsBetter ? "more" : "less"} is better`;

/** What a point's race says of it: names alone. */
type Named = Pick<Race, "name" | "title">;
const unnamed: Named = { name: "", title: "" };

/** One point: contenders below each other, the best first, those that failed last, with the reason. */
export function barChart(point: Point, unit: Unit, options: ChartOptions, race: Named = unnamed): SVGSVGElement {
  const rows = pointRows(point, unit);
  const note = betterNote(unit, titleOf(unit, roundOf({ ...race, points: [point] })));
  const summary = `${point.description}; ${note}. ${inWords(rows)}.`;
  const notes = [note, ...ratioNote(point, unit)];
  return rowsChart({ rows, notes, formatTick: (value) => formatTick(unit, value), summary }, options);
}

/** From navigation to the first finished step, a row per contender. */
export function loadChart(load: NonNullable<RaceRecord["load"]>, options: ChartOptions): SVGSVGElement {
  const rows = loadRows(load);
  const note = "time to the first finished step on a fresh page, less is better";
  const notes = [note, "bytes: scripts and WebAssembly that the page fetched, gzipped"];
  const summary = `${note}. ${inWords(rows)}.`;
  return rowsChart({ rows, notes, formatTick: (value) => formatTick(units.time, value), summary }, options);
}

/** One point of a record, to be held against that of another. */
export interface Side {
  readonly record: RaceRecord;
  readonly point: Point;
}

/**
 * Two records side by side, contender by contender: filled marks are the first one's, pale or hollow ones the second's.
 * The first decides on the order.
 */
export function comparisonChart(sides: readonly [Side, Side], unit: Unit, options: ChartOptions): SVGSVGElement {
  const [{ record, point }, other] = sides;
  const names = namesOf([record, other.record]);
  const rows = comparedRows([point, other.point], unit);
  const note = betterNote(unit, titleOf(unit, roundOf({ ...unnamed, points: [point, other.point] })));
  const notes = [note, `above, filled: ${names[0]}`, `below, pale: ${names[1]}; ×: its value ÷ the one above`];
  const summary = `${point.description}; ${note}; ${names[0]}, and ${names[1]}. ${inWords(rows)}.`;
  return rowsChart({ rows, notes, formatTick: (value) => formatTick(unit, value), summary }, options);
}

const axisPx = 58;
/** Of the names at the right of a wide sweep. */
const namesPx = 286;

/** Lines over an axis, and what stands around them. */
export interface LinesPlan {
  readonly lines: readonly Line[];
  /** What x is, and its values. */
  readonly axis: string;
  readonly xs: readonly number[];
  readonly unit: Unit;
  /** How to read the chart. */
  readonly notes: readonly string[];
  /** All of it in words. */
  readonly summary: string;
  /** Drawn below the lines, and above them. */
  readonly below?: readonly Plot.Markish[];
  readonly above?: readonly Plot.Markish[];
}

/** A line per contender on two log axes, with its name at its end, or below in a narrow chart. */
export function linesChart(plan: LinesPlan, options: ChartOptions): SVGSVGElement {
  const paint = paintOf(options.theme);
  const { width } = options;
  const { lines } = plan;
  const isWide = width >= wideFrom;
  const drawn = lines.filter((line) => measured(line).length > 0);
  const head = headOf(options, plan.notes, paint);
  const top = head.heightPx + 8;
  const last = formatX(Math.max(1, ...plan.xs));
  const right = width - (isWide ? namesPx : 4 + textWidth(last, 11) / 2);
  const area = { left: axisPx, right, top, bottom: top + (isWide ? Math.max(400, 36 * drawn.length) : 320) };
  const listed = isWide ? lines.filter(({ failures }) => failures.length > 0) : lines;
  const legend = legendBelow(listed, area.bottom + 48, width, paint);
  const chart = drawn.length > 0 ? chartMarks({ ...plan, drawn, area, paint, options }) : {};
  const own = {
    ...chart,
    height: legend.bottom,
    marginTop: area.top,
    marginLeft: area.left,
    marginRight: width - area.right,
    marginBottom: legend.bottom - area.bottom,
    marks: [...(chart.marks ?? []), ...legend.marks, ...pixelTexts(head.texts)],
  };
  return draw(options, paint, own, plan.summary);
}

/** A sweep: a line per contender. */
export function sweepChart(race: Race, unit: Unit, options: ChartOptions): SVGSVGElement {
  const { axis, points, title } = race;
  const lines = linesOf(race, unit, paintOf(options.theme));
  const note = betterNote(unit, `${titleOf(unit, roundOf(race))} by ${axis}`);
  const notes = [`${note}; medians, and whiskers over the middle half of the samples`];
  const summary = `${title}; ${note}. ${summaryOf(lines, unit)}`;
  return linesChart({ lines, axis, xs: points.map(({ x }) => x), unit, notes, summary }, options);
}
