import * as Plot from "@observablehq/plot";
import type { Race, Row } from "../race/record.ts";
import { formatSpread, formatTick, formatValue, significant, type Unit, valueIn } from "../race/units.ts";
import { type ChartOptions, logTicks, pixelTexts, thinned, wideFrom } from "./frame.ts";
import { baseRow, type Entrant, entrantsOf, isTimed } from "./order.ts";
import type { Paint } from "./palette.ts";
import { type Dot, endLabels, type Line, measured } from "./sweepLegend.ts";
import { textWidth } from "./textLayout.ts";

// A race over batches, widths, members or sizes: a line per contender on two log axes.

const missing = { median: Number.NaN, lowerQuartile: Number.NaN, upperQuartile: Number.NaN, tip: "" };
export const formatX = (x: number): string => x.toLocaleString("en-US");

/** `wrong at 1,024, 4,096: deviates by …`, one text per reason. */
function failuresOf(rows: readonly (Row | undefined)[], xs: readonly number[]): string[] {
  const places = new Map<string, { readonly row: Row; readonly at: number[] }>();
  for (const [index, row] of rows.entries()) {
    if (!row || isTimed(row)) continue;
    const key = JSON.stringify([row.status, row.reason]);
    const place = places.get(key) ?? { row, at: [] };
    place.at.push(xs[index]!);
    places.set(key, place);
  }
  return [...places.values()].map(({ row, at }) => {
    const where = at.length === xs.length ? "" : ` at ${at.map(formatX).join(", ")}`;
    return isTimed(row) ? "" : `${row.status}${where}: ${row.reason}`;
  });
}

function lineOf({ contender, label, rows }: Entrant, race: Race, unit: Unit, paint: Paint): Line {
  const dots = race.points.map((point, at): Dot => {
    const row = rows[at];
    if (!row || !isTimed(row)) return { x: point.x, ...missing };
    const value = valueIn(unit, row, point);
    const base = baseRow(point);
    const ratio = base ? [`${significant(row.ratio.median)} × ${base.contender}'s time`] : [];
    const tip = [label, `${race.axis} ${formatX(point.x)}`, formatSpread(unit, value), ...ratio];
    return { x: point.x, ...value, tip: tip.join("\n") };
  });
  const xs = race.points.map(({ x }) => x);
  dots.sort((a, b) => a.x - b.x);
  return { contender, label, look: paint.of(contender), dots, failures: failuresOf(rows, xs) };
}

export const linesOf = (race: Race, unit: Unit, paint: Paint): Line[] =>
  entrantsOf(race).map((entrant) => lineOf(entrant, race, unit, paint));

/** The figures at the last place that each line reaches. */
export function summaryOf(lines: readonly Line[], unit: Unit): string {
  const words = lines.map((line) => {
    const last = measured(line).at(-1);
    const reached = last ? `${formatValue(unit, last.median)} at ${formatX(last.x)}` : "no figure";
    return [`${line.label} ${reached}`, ...line.failures].join(", ");
  });
  return `${words.join("; ")}.`;
}

/** A log axis, known before the chart is drawn. */
interface Axis {
  readonly domain: [number, number];
  readonly ticks: readonly number[];
  readonly at: (value: number) => number;
}

function logAxis(values: readonly number[], [from, to]: readonly [number, number], slack: number): Omit<Axis, "ticks"> {
  const domain: [number, number] = [Math.min(...values) / slack, Math.max(...values) * slack];
  const [low, high] = domain.map(Math.log) as [number, number];
  return { domain, at: (value) => from + ((to - from) * (Math.log(value) - low)) / (high - low) };
}

interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

interface Chart {
  /** Lines with a figure at all. */
  readonly drawn: readonly Line[];
  /** What x is, and its values. */
  readonly axis: string;
  readonly xs: readonly number[];
  readonly unit: Unit;
  readonly area: Area;
  readonly paint: Paint;
  readonly options: ChartOptions;
  /** Further marks, drawn below the lines and above them. */
  readonly below?: readonly Plot.Markish[];
  readonly above?: readonly Plot.Markish[];
}

function axesOf({ drawn: lines, xs: places, area }: Chart): { x: Axis; y: Axis } {
  const { left, right, top, bottom } = area;
  const xs = [...places].sort((a, b) => a - b);
  const values = lines.flatMap(measured).flatMap(({ lowerQuartile, upperQuartile }) => [lowerQuartile, upperQuartile]);
  const x = logAxis(xs, [left, right], 1.1);
  const y = logAxis(values, [bottom, top], 1.25);
  const ticks = logTicks(...y.domain);
  return {
    x: { ...x, ticks: thinned(xs, formatX, x.at) },
    y: { ...y, ticks: ticks.length > 9 ? ticks.filter((_, index) => index % 2 === 0) : ticks },
  };
}

function lineMarks(line: Line, isWide: boolean): Plot.Markish[] {
  const { dots, look } = line;
  const isAccent = line.contender === "thalweg";
  const whisker = { stroke: look.color, strokeOpacity: 0.6, strokeWidth: 1 };
  const width = isAccent ? 3 : 1.5;
  return [
    Plot.ruleX(measured(line), { x: "x", y1: "lowerQuartile", y2: "upperQuartile", ...whisker }),
    Plot.lineY(dots, { x: "x", y: "median", stroke: look.color, strokeWidth: width, strokeDasharray: look.dash }),
    Plot.dot(measured(line), {
      x: "x",
      y: "median",
      symbol: look.symbol,
      r: (isAccent ? 4.5 : 3.5) - (isWide ? 0 : 0.5),
      stroke: look.color,
      strokeWidth: 1.5,
      fill: look.dash === "" ? look.color : "none",
    }),
  ];
}

const tips = (lines: readonly Line[]): Plot.Markish =>
  Plot.tip(
    lines.flatMap(measured),
    Plot.pointer({ x: "x", y: "median", title: "tip", fontSize: 12, lineWidth: 22 } as Plot.TipOptions),
  );

/** Scales, axes and lines, and where there is room the names at their ends. */
export function chartMarks(chart: Chart): Plot.PlotOptions {
  const { drawn, unit, area, paint, options, below = [], above = [] } = chart;
  const { x, y } = axesOf(chart);
  const isWide = options.width >= wideFrom;
  const axis = { tickSize: 0, label: null, fontSize: 11, fill: paint.muted };
  const axisName = { y: area.bottom + 24, text: chart.axis, color: paint.muted, fontPx: 12 };
  // the accent is drawn last, above the others
  const order = [...drawn].sort((a, b) => Number(a.contender === "thalweg") - Number(b.contender === "thalweg"));
  return {
    x: { type: "log", domain: x.domain },
    y: { type: "log", domain: y.domain },
    marks: [
      Plot.gridY(y.ticks, { stroke: paint.faint, strokeOpacity: 1 }),
      Plot.gridX(x.ticks, { stroke: paint.faint, strokeOpacity: 0.5 }),
      // a function as tickFormat would be asked for some ticks alone
      Plot.axisY(y.ticks, { ...axis, text: (value: number) => formatTick(unit, value) } as Plot.AxisYOptions),
      Plot.axisX(x.ticks, { ...axis, text: formatX } as Plot.AxisXOptions),
      ...below,
      ...order.flatMap((line) => lineMarks(line, isWide)),
      ...above,
      ...(isWide ? endLabels(drawn, { y, area, width: options.width }, paint) : []),
      ...pixelTexts([{ ...axisName, x: area.right - textWidth(chart.axis, 12) }]),
      ...(options.tip ? [tips(order)] : []),
    ],
  };
}
