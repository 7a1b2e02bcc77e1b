// Lines over steps, drawn by uPlot in the page's colours.

import "uplot/dist/uPlot.min.css";
import "./lineChart.css";
import UPlot from "uplot";
import { element } from "./dom.ts";
import { roughNumber, shortNumber } from "./shortNumber.ts";

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
  /** Default: logarithmic. */
  readonly scale?: "logarithmic" | "linear";
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

/** As short as the room beside an axis is narrow. */
const axisNumber = (value: number): string =>
  value >= 1e5 ? value.toExponential().replace("e+", "e") : shortNumber(value);

/** Powers of ten that are marked at most. */
const mostPowers = 6;

/** Lines at 2, 3, 4 … times a power of ten would be a thicket, and so would those at every power of very many. */
function powersOfTen(_: UPlot, splits: number[]): (number | null)[] {
  const every = Math.ceil(splits.filter(isPowerOfTen).length / mostPowers);
  return splits.map((value) => (isPowerOfTen(value) && Math.round(Math.log10(value)) % every === 0 ? value : null));
}

function axesOf(colour: (name: string) => string, isLogarithmic: boolean): UPlot.Axis[] {
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
      ...(isLogarithmic && {
        grid: { ...common.grid, filter: powersOfTen },
        ticks: { ...common.ticks, filter: powersOfTen },
        filter: powersOfTen,
      }),
      values: (_, splits) => splits.map((value) => (value === null ? "" : axisNumber(value))),
    },
  ];
}

function optionsOf(
  { lines, bands = [], heightPx, scale }: ChartOptions,
  colour: (name: string) => string,
): UPlot.Options {
  const value = (_: UPlot, raw: number | null): string =>
    raw === null || !Number.isFinite(raw) ? "–" : shortNumber(Number(raw.toPrecision(4)));
  const isLogarithmic = scale !== "linear";
  return {
    width: 300,
    height: heightPx,
    legend: { live: true, markers: { width: 0, fill: (_, line) => colour(lines[line - 1]?.colour ?? "--quiet") } },
    cursor: { points: { size: 7 }, drag: { x: false, y: false } },
    scales: { x: { time: false }, y: { distr: isLogarithmic ? 3 : 1 } },
    axes: axesOf(colour, isLogarithmic),
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

/** Rows of a chart's table: steps at equal distances. */
const tableRows = 8;

/** The chart's numbers for those who do not see it, made when they are requested. */
class NumbersTable {
  readonly root: HTMLDetailsElement;
  readonly #body = element("tbody");
  #make: () => readonly (readonly number[])[] = () => [];

  constructor(lines: readonly ChartLine[]) {
    const names = ["Step", ...lines.map(({ label }) => label)];
    const heads = names.map((name) => element("th", { scope: "col" }, name));
    const table = element("table", { class: "numbers" }, element("thead", {}, element("tr", {}, ...heads)), this.#body);
    this.root = element("details", { class: "chart-numbers" }, element("summary", {}, "Show as table"), table);
    this.root.addEventListener("toggle", () => this.#fill());
  }

  show(columns: readonly (readonly number[])[]): void {
    const length = columns[0]?.length ?? 0;
    const places = Array.from({ length: tableRows }, (_, row) => Math.round(((row + 1) * length) / tableRows) - 1);
    this.#make = () =>
      [...new Set(places)].filter((place) => place >= 0).map((place) => columns.map((column) => column[place]!));
    this.#fill();
  }

  #fill(): void {
    if (!this.root.open) return;
    const cell = (value: number): HTMLElement => element("td", {}, Number.isFinite(value) ? roughNumber(value) : "–");
    this.#body.replaceChildren(...this.#make().map((row) => element("tr", {}, ...row.map(cell))));
  }
}

/** Lines over steps. */
export function lineChart(options: ChartOptions): LineChart {
  const root = element("div", { class: "line-chart", role: "group", "aria-label": options.label });
  const colours = new Map<string, string>();
  const colour = (name: string): string => {
    const expression = name.startsWith("--") ? `var(${name})` : name;
    if (!colours.has(expression)) colours.set(expression, resolveColour(root, expression));
    return colours.get(expression)!;
  };
  const table = new NumbersTable(options.lines);
  const place = element("div", { class: "chart-place" });
  place.style.minHeight = `${options.heightPx}px`;
  root.append(place, table.root);
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
  /** Where nobody points, the legend has the newest numbers. */
  const tellLast = (): void => {
    if (chart && chart.cursor.idx == null) chart.setLegend({ idx: chart.data[0].length - 1 }, false);
  };
  const isShown = (value: number): boolean => Number.isFinite(value) && (options.scale === "linear" || value > 0);
  const draw: LineChart["draw"] = (steps, lines) => {
    if (steps.length < 2) return;
    if (!chart) {
      chart = new UPlot(optionsOf(options, colour), [[], ...lines.map(() => [])], place);
      fit();
    }
    const positive = lines.map((values) => values.map((value) => (isShown(value) ? value : null)));
    chart.setData([[...steps], ...positive]);
    table.show([steps, ...lines]);
    queueMicrotask(tellLast); // behind uPlot's own, which empties the legend
  };
  const dispose = (): void => {
    observer.disconnect();
    scheme.removeEventListener("change", repaint);
    chart?.destroy();
  };
  return { root, draw, dispose };
}
