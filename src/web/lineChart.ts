// Lines over steps, drawn by uPlot in the page's colours.

import "uplot/dist/uPlot.min.css";
import "./lineChart.css";
import UPlot from "uplot";
import { element } from "./dom.ts";
import { shortNumber } from "./shortNumber.ts";

export interface ChartLine {
  readonly label: string;
  /** A token of styles/tokens.css: `--accent`. */
  readonly colour: string;
  /** Default 2. */
  readonly width?: number;
}

/** The area between two lines. */
export interface ChartBand {
  readonly upper: number;
  readonly lower: number;
  readonly colour: string;
  readonly opacity: number;
}

export interface ChartOptions {
  /** What the chart shows, for those who do not see it. */
  readonly label: string;
  readonly lines: readonly ChartLine[];
  readonly bands?: readonly ChartBand[];
  readonly heightPx: number;
}

export interface LineChart {
  readonly root: HTMLElement;
  /** @param lines one list of values for each line; what is not finite is a gap */
  draw(steps: readonly number[], lines: readonly (readonly number[])[]): void;
  dispose(): void;
}

/** A token's colour as a canvas takes it: `light-dark()` and mixtures are known to style sheets alone. */
function resolveColour(host: HTMLElement, expression: string): string {
  const probe = element("span", { style: `color: ${expression}`, hidden: true });
  host.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

const isPowerOfTen = (value: number): boolean => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-6;

/** Lines at 2, 3, 4 … times a power of ten would be a thicket. */
const powersOfTen = (_: UPlot, splits: number[]): (number | null)[] =>
  splits.map((value) => (isPowerOfTen(value) ? value : null));

function axesOf(colour: (name: string) => string): UPlot.Axis[] {
  const common = {
    stroke: () => colour("--quiet"),
    grid: { stroke: () => colour("--line"), width: 1 },
    ticks: { stroke: () => colour("--line"), width: 1, size: 4 },
    font: "12px system-ui, sans-serif",
  };
  return [
    { ...common, size: 28, space: 70, values: (_, splits) => splits.map(shortNumber) },
    {
      ...common,
      size: 52,
      grid: { ...common.grid, filter: powersOfTen },
      ticks: { ...common.ticks, filter: powersOfTen },
      filter: powersOfTen,
      values: (_, splits) => splits.map((value) => (value === null ? "" : shortNumber(value))),
    },
  ];
}

function optionsOf({ lines, bands = [], heightPx }: ChartOptions, colour: (name: string) => string): UPlot.Options {
  const value = (_: UPlot, raw: number | null): string =>
    raw === null || !Number.isFinite(raw) ? "–" : shortNumber(Number(raw.toPrecision(4)));
  return {
    width: 300,
    height: heightPx,
    legend: { live: true, markers: { width: 0, fill: (_, line) => colour(lines[line - 1]?.colour ?? "--quiet") } },
    cursor: { points: { size: 7 }, drag: { x: false, y: false } },
    scales: { x: { time: false }, y: { distr: 3 } },
    axes: axesOf(colour),
    series: [
      { label: "Step", value },
      ...lines.map((line) => ({
        label: line.label,
        stroke: () => colour(line.colour),
        width: line.width ?? 2,
        points: { show: false },
        value,
      })),
    ],
    bands: bands.map(({ upper, lower, colour: name, opacity }) => ({
      series: [upper + 1, lower + 1] as [number, number],
      fill: () => colour(`color-mix(in srgb, var(${name}) ${100 * opacity}%, transparent)`),
    })),
  };
}

/** Lines over steps; values on a logarithmic scale. */
export function lineChart(options: ChartOptions): LineChart {
  const root = element("div", { class: "line-chart", role: "group", "aria-label": options.label });
  root.style.minHeight = `${options.heightPx}px`;
  const colours = new Map<string, string>();
  const colour = (name: string): string => {
    const expression = name.startsWith("--") ? `var(${name})` : name;
    if (!colours.has(expression)) colours.set(expression, resolveColour(root, expression));
    return colours.get(expression)!;
  };
  let chart: UPlot | undefined;
  const fit = (): void => chart?.setSize({ width: Math.max(200, root.clientWidth), height: options.heightPx });
  const observer = new ResizeObserver(fit);
  observer.observe(root);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const repaint = (): void => {
    colours.clear();
    chart?.redraw(false);
  };
  scheme.addEventListener("change", repaint);
  const draw: LineChart["draw"] = (steps, lines) => {
    if (steps.length < 2) return;
    if (!chart) {
      chart = new UPlot(optionsOf(options, colour), [[], ...lines.map(() => [])], root);
      fit();
    }
    const positive = lines.map((values) => values.map((value) => (value > 0 && Number.isFinite(value) ? value : null)));
    chart.setData([[...steps], ...positive]);
    if (chart.cursor.idx == null) chart.setLegend({ idx: steps.length - 1 }, false);
  };
  const dispose = (): void => {
    observer.disconnect();
    scheme.removeEventListener("change", repaint);
    chart?.destroy();
  };
  return { root, draw, dispose };
}
