// What uPlot is told: axes, series, marks, and the runs beside each other.

import type uPlot from "uplot";
import type { CurveColors } from "./curvePicture.ts";
import { type CurveView, linesOf, nearestValue, type Run } from "./curveLines.ts";
import { formatCount, formatNumber } from "./format.ts";
import type { Mark } from "./history.ts";

export interface ChartRequest {
  readonly view: CurveView;
  readonly colors: CurveColors;
  readonly width: number;
  readonly height: number;
  /** The run under way, then the pinned ones. */
  readonly runs: () => readonly Run[];
  /** Places of the values under the cursor, one for each series; null: none. */
  readonly onCursor: (places: readonly (number | null)[]) => void;
}

/** Series of the run under way behind x: training, test, and both before smoothing. Each pinned run has two. */
const ownSeries = 4;
export const seriesOfPinned = (pinned: number): number => 1 + ownSeries + 2 * pinned;

/** Few of the ticks of a logarithmic scale: powers of ten, at most some six; where there are not two, 1, 2 and 5 of each. */
function fewTicks(_: uPlot, ticks: number[]): (number | null)[] {
  const digit = (tick: number): number => Math.round(tick / 10 ** Math.floor(Math.log10(tick) + 1e-9));
  const powers = ticks.filter((tick) => digit(tick) === 1);
  if (powers.length < 2) return ticks.map((tick) => ([1, 2, 5].includes(digit(tick)) ? tick : null));
  const each = Math.ceil(powers.length / 6);
  const kept = new Set(powers.filter((tick) => Math.round(Math.log10(tick)) % each === 0));
  return ticks.map((tick) => (kept.has(tick) ? tick : null));
}

/** Lines of all runs over the places of all of them. */
export function chartData(
  join: typeof uPlot.join,
  [own, ...pinned]: readonly Run[],
  view: CurveView,
): uPlot.AlignedData {
  const { xs, training, test, rawTraining, rawTest } = linesOf(own!.entries, view);
  const isSmooth = view.smoothing > 0;
  const nothing = xs.map(() => null);
  const first = [xs, training, test, isSmooth ? rawTraining : nothing, isSmooth ? rawTest : nothing];
  if (pinned.length === 0) return first as uPlot.AlignedData;
  const others = pinned.map(({ entries }) => {
    const lines = linesOf(entries, view);
    return [lines.xs, lines.training, lines.test];
  });
  return join([first, ...others] as uPlot.AlignedData[]);
}

export const measureText = ({ measure }: CurveView, value: number): string =>
  measure === "loss" ? formatNumber(value) : `${value.toFixed(1)} %`;

const axisText = ({ axis }: CurveView, value: number): string =>
  axis === "step" ? formatCount(value) : formatNumber(value);

function seriesOf({ view, colors, runs }: ChartRequest): uPlot.Series[] {
  const series = (label: string, stroke: string, looks: Partial<uPlot.Series>): uPlot.Series => ({
    label,
    stroke,
    width: 1.75,
    points: { show: false },
    value: (_, value) => (value == null ? "" : measureText(view, value)),
    ...looks,
  });
  const test = { dash: [5, 4] };
  const behind = { class: "unlisted", alpha: 0.3, width: 1 };
  const pinned = runs()
    .slice(1)
    .flatMap(({ name }, at) => {
      const color = colors.runs[at % colors.runs.length]!;
      return [
        series(`${name}, training`, color, { class: "unlisted" }),
        series(`${name}, test`, color, { ...test, class: "unlisted" }),
      ];
    });
  return [
    { label: view.axis, value: (_, value) => (value == null ? "" : axisText(view, value)) },
    series("training", colors.ink, {}),
    series("test", colors.test, test),
    series("training before smoothing", colors.ink, behind),
    series("test before smoothing", colors.test, behind),
    ...pinned,
  ];
}

function yScale({ measure, isLogarithmic }: CurveView): uPlot.Scale {
  if (measure === "accuracy") return { range: (_, least) => [Math.min(45, least), 100.5] };
  return isLogarithmic ? { distr: 3 } : { range: (_, __, most) => [0, most * 1.05] };
}

function axesOf({ view, colors }: ChartRequest): uPlot.Axis[] {
  const axis = { stroke: colors.quiet, grid: { stroke: colors.line, width: 1 }, ticks: { show: false } };
  const filter = (chart: uPlot, ticks: number[]): (number | null)[] =>
    view.measure === "loss" && view.isLogarithmic ? fewTicks(chart, ticks) : ticks;
  return [
    { ...axis, size: 30, space: 60, values: (_, ticks) => ticks.map((tick) => axisText(view, tick)) },
    {
      ...axis,
      size: 52,
      space: 28,
      values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : measureText(view, tick))),
      filter,
      grid: { ...axis.grid, filter },
    },
  ];
}

const markWords: Record<Mark["kind"], string> = { diverged: " diverged ", best: " best weights " };

/** A line with its word where training diverged, red, or had its best weights. */
function drawMarks(chart: uPlot, { runs, view, colors }: ChartRequest): void {
  const { ctx, bbox } = chart;
  for (const mark of runs()[0]!.marks) {
    const x = chart.valToPos(mark[view.axis], "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width + 1) continue;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = mark.kind === "best" ? colors.test : colors.bad;
    ctx.lineWidth = 2 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.font = `${11 * devicePixelRatio}px system-ui`;
    ctx.textAlign = x > bbox.left + bbox.width / 2 ? "right" : "left";
    ctx.fillText(markWords[mark.kind], x, bbox.top + 12 * devicePixelRatio);
    ctx.restore();
  }
}

/** The number of each pinned run where its line ends: colours come again after some. */
function drawNumbers(chart: uPlot, { runs, colors }: ChartRequest): void {
  const { ctx, bbox } = chart;
  for (const [at, { name }] of runs().slice(1).entries()) {
    const values = chart.data[seriesOfPinned(at)]!;
    let last = values.length - 1;
    while (last >= 0 && values[last] == null) last--;
    if (last < 0) continue;
    const x = Math.min(chart.valToPos(chart.data[0][last]!, "x", true), bbox.left + bbox.width);
    const y = chart.valToPos(values[last]!, "y", true);
    ctx.save();
    ctx.font = `600 ${11 * devicePixelRatio}px system-ui`;
    ctx.fillStyle = colors.runs[at % colors.runs.length]!;
    ctx.textAlign = "right";
    ctx.fillText(name.replace(/\D/g, ""), x, y - 4 * devicePixelRatio);
    ctx.restore();
  }
}

/** All of the runs, and where the one under way diverged. */
function xRange({ runs, view }: ChartRequest, least: number | null, most: number | null): [number, number] {
  const end = Math.max(most ?? 1, (least ?? 0) + (view.axis === "step" ? 1 : 1e-6));
  return [least ?? 0, runs()[0]!.marks.reduce((far, mark) => Math.max(far, mark[view.axis]), end)];
}

export function chartOptions(request: ChartRequest): uPlot.Options {
  const { width, height, view, onCursor } = request;
  return {
    width,
    height,
    cursor: {
      points: { size: 7 },
      drag: { x: false, y: false },
      // A run has no values where only another one has: what is nearest counts.
      dataIdx: (chart, series, place) => nearestValue(chart.data[series]!, place) as number,
    },
    scales: { x: { time: false, range: (_, least, most) => xRange(request, least, most) }, y: yScale(view) },
    axes: axesOf(request),
    series: seriesOf(request),
    hooks: {
      draw: [
        (chart) => {
          drawNumbers(chart, request);
          drawMarks(chart, request);
        },
      ],
      setCursor: [(chart) => onCursor(chart.cursor.idxs ?? [])],
    },
  };
}
