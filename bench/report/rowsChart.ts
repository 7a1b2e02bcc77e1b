import * as Plot from "@observablehq/plot";
import { type ChartOptions, draw, headOf, logTicks, pixels, pixelTexts, thinned, wideFrom } from "./frame.ts";
import { type Paint, paintOf } from "./palette.ts";
import { type ChartRow, font, layOut, type Layout, type Placed, type RowValue, valuesOf } from "./rowsLayout.ts";

// Contenders below each other: bars where lengths can be compared, dots on a log axis, which has no zero to start from.

export interface RowsPlan {
  readonly rows: readonly ChartRow[];
  /** How to read the chart; what the marks are is added to the first. */
  readonly notes: readonly string[];
  readonly formatTick: (value: number) => string;
  /** All of it in words. */
  readonly summary: string;
}

/** Farther apart than this, the shortest bar would be a hair. */
const mostForBars = 100;

const middle = ({ top, bottom }: Placed): number => (top + bottom) / 2;
const middlePx = pixels(middle);
const colorBy =
  (paint: Paint) =>
  ({ contender }: Placed): string =>
    paint.of(contender).color;

/** A line between the quartiles with a cap at both. */
function whiskers(
  placed: readonly Placed[],
  stroke: string | ((placed: Placed) => string),
  strokeWidth = 1.25,
): Plot.Markish[] {
  const line = { stroke: stroke as string, strokeWidth };
  const caps = { y1: pixels((at: Placed) => middle(at) - 3), y2: pixels((at: Placed) => middle(at) + 3) };
  return [
    Plot.link(placed, { ...line, x1: "lowerQuartile", x2: "upperQuartile", y1: middlePx, y2: middlePx }),
    Plot.link(placed, { ...line, ...caps, x1: "lowerQuartile", x2: "lowerQuartile" }),
    Plot.link(placed, { ...line, ...caps, x1: "upperQuartile", x2: "upperQuartile" }),
  ];
}

const barMarks = (placed: readonly Placed[], paint: Paint): Plot.Markish[] => [
  Plot.rect(placed, {
    x1: 0,
    x2: "median",
    y1: pixels(({ top }: Placed) => top + 1),
    y2: pixels(({ bottom }: Placed) => bottom - 1),
    fill: colorBy(paint),
    fillOpacity: ({ side }: Placed) => (side === 0 ? 0.9 : 0.35),
    stroke: colorBy(paint),
    strokeWidth: 1,
  }),
  // on dark bars as well as beside them
  ...whiskers(placed, paint.background, 3.5),
  ...whiskers(placed, paint.ink),
];

/** A dotted line leads the eye from the label; whiskers lie below the dots. */
const dotMarks = (placed: readonly Placed[], paint: Paint, least: number): Plot.Markish[] => [
  Plot.link(placed, {
    x1: least,
    x2: "median",
    y1: middlePx,
    y2: middlePx,
    stroke: paint.faint,
    strokeDasharray: "1 3",
  }),
  ...whiskers(placed, colorBy(paint)),
  Plot.dot(placed, {
    x: "median",
    y: middlePx,
    symbol: ({ contender }: Placed) => paint.of(contender).symbol,
    r: 5,
    fill: (each: Placed) => (each.side === 0 ? colorBy(paint)(each) : paint.background),
    stroke: colorBy(paint),
    strokeWidth: 1.75,
  }),
];

const valueTexts = (placed: readonly Placed[], ink: string, gap: number): Plot.Markish =>
  Plot.text(placed, {
    x: ({ median, upperQuartile }: Placed) => Math.max(median, upperQuartile),
    y: middlePx,
    text: "text",
    textAnchor: "start",
    dx: gap,
    fill: ink,
    fontSize: font.value,
    fontVariant: "tabular-nums",
  });

const tips = (placed: readonly Placed[]): Plot.Markish =>
  Plot.tip(
    placed,
    Plot.pointerY({ x: "median", y: middlePx, title: "tip", fontSize: 12, lineWidth: 22 } as Plot.TipOptions),
  );

interface Axis {
  readonly isLog: boolean;
  readonly domain: [number, number];
}

function axisOf(values: readonly RowValue[]): Axis {
  const most = Math.max(...values.flatMap(({ median, upperQuartile }) => [median, upperQuartile]));
  const least = Math.min(...values.map(({ lowerQuartile }) => lowerQuartile));
  const medians = values.map(({ median }) => median);
  const isLog = least > 0 && Math.max(...medians) / Math.min(...medians) > mostForBars;
  return { isLog, domain: isLog ? [least / 1.5, most * 1.1] : [0, most > 0 ? most : 1] };
}

/** 0, and four to eight round steps up to `most`. */
function linearTicks(most: number): number[] {
  const power = 10 ** Math.floor(Math.log10(most / 4));
  const step = [5, 2, 1].map((factor) => factor * power).find((size) => most / size >= 4) ?? power;
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, index) => index * step);
}

interface Tick {
  readonly value: number;
  readonly text: string;
}

function ticksOf({ isLog, domain }: Axis, lengthPx: number, format: (tick: number) => string): Tick[] {
  const scale = isLog ? Math.log : (value: number): number => value;
  const [low, high] = domain.map(scale) as [number, number];
  const at = (value: number): number => (lengthPx * (scale(value) - low)) / (high - low);
  const ticks = thinned(isLog ? logTicks(...domain) : linearTicks(domain[1]), format, at);
  return ticks.map((value) => ({ value, text: format(value) }));
}

/** Grid lines behind the marks alone, so that none runs through a label; values in a line below. */
function axisMarks(ticks: readonly Tick[], { placed, axisY }: Layout, paint: Paint, isWide: boolean): Plot.Markish[] {
  const [first, last] = [placed[0]!, placed[placed.length - 1]!];
  const bands = isWide ? [{ top: first.top - 8, bottom: last.bottom + 8 }] : placed;
  const segments = ticks.flatMap(({ value }) => bands.map(({ top, bottom }) => ({ value, top, bottom })));
  const y1 = pixels(({ top }: { top: number }) => top);
  const y2 = pixels(({ bottom }: { bottom: number }) => bottom);
  return [
    Plot.link(segments, { x1: "value", x2: "value", y1, y2, stroke: paint.faint }),
    Plot.text(ticks, {
      x: "value",
      y: pixels(() => axisY),
      text: "text",
      lineAnchor: "top",
      fill: paint.muted,
      fontSize: 11,
    }),
  ];
}

const marksNote = (isLog: boolean): string =>
  isLog
    ? "dots: medians, on a log axis; whiskers: middle half of the samples"
    : "bars: medians; whiskers: middle half of the samples";

/** Scale and marks of the rows that have values. */
function valueMarks(plan: RowsPlan, axis: Axis, layout: Layout, options: ChartOptions): Plot.PlotOptions {
  const paint = paintOf(options.theme);
  const { placed, left, right } = layout;
  const { isLog, domain } = axis;
  const ticks = ticksOf(axis, options.width - left - right, plan.formatTick);
  return {
    x: { type: isLog ? "log" : "linear", domain, axis: null },
    y: { type: "identity", axis: null },
    marks: [
      ...axisMarks(ticks, layout, paint, options.width >= wideFrom),
      ...(isLog ? dotMarks(placed, paint, domain[0]) : barMarks(placed, paint)),
      valueTexts(placed, paint.ink, isLog ? 10 : 6),
      ...(options.tip ? [tips(placed)] : []),
    ],
  };
}

export function rowsChart(plan: RowsPlan, options: ChartOptions): SVGSVGElement {
  const paint = paintOf(options.theme);
  const values = valuesOf(plan.rows);
  const axis = axisOf(values);
  const [firstNote = "", ...otherNotes] = plan.notes;
  const notes = values.length > 0 ? [`${firstNote}; ${marksNote(axis.isLog)}`, ...otherNotes] : [firstNote];
  const head = headOf(options, notes, paint);
  const layout = layOut(plan.rows, head.heightPx + 6, paint, options);
  const marked = values.length > 0 ? valueMarks(plan, axis, layout, options) : {};
  const own: Plot.PlotOptions = {
    ...marked,
    height: layout.bottom,
    marginTop: head.heightPx,
    marginLeft: layout.left,
    marginRight: layout.right,
    marginBottom: layout.bottom - layout.axisY,
    marks: [...(marked.marks ?? []), ...pixelTexts([...head.texts, ...layout.texts])],
  };
  return draw(options, paint, own, plan.summary);
}
