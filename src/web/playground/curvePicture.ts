// The curves as an SVG picture of its own, at any size: for slides and papers.

import { type CurveView, linesOf, type Run, type Values } from "./curveLines.ts";
import { formatCount, formatNumber } from "./format.ts";

/** As CSS writes them. */
export interface CurveColors {
  readonly page: string;
  readonly ink: string;
  readonly quiet: string;
  readonly line: string;
  readonly test: string;
  readonly bad: string;
  /** Of the pinned runs, in turn. */
  readonly runs: readonly string[];
}

export const pictureWidth = 800;
const plot = { left: 72, top: 20, width: 704, height: 340 };
const legendLine = 36;
/** Letters of what was trained that have room beside each other. */
const mostLetters = 118;

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

/** Some five round numbers within a range. */
export function linearTicks(least: number, most: number): number[] {
  const rough = (most - least) / 5;
  if (!(rough > 0)) return [least];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(least / step - 1e-9);
  const count = Math.floor(most / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, at) => Number(((first + at) * step).toPrecision(12)));
}

/** Powers of ten within a range, some six at most; where there are not two, 1, 2 and 5 of each, or round numbers. */
export function logarithmicTicks(least: number, most: number): number[] {
  const [low, high] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))];
  const all = Array.from({ length: high - low + 1 }, (_, at) => low + at);
  const within = (values: number[]): number[] => values.filter((value) => value >= least && value <= most);
  const powers = within(all.map((power) => Number(`1e${power}`)));
  if (powers.length < 2) {
    const few = within(all.flatMap((power) => [1, 2, 5].map((digit) => Number(`${digit}e${power}`))));
    return few.length < 2 ? linearTicks(least, most) : few;
  }
  const each = Math.ceil(powers.length / 6);
  return powers.filter((_, at) => at % each === 0);
}

interface Scale {
  readonly ticks: readonly number[];
  /** 0 to 1. */
  readonly share: (value: number) => number;
}

function linearScale(least: number, most: number): Scale {
  const span = most > least ? most - least : 1;
  return { ticks: linearTicks(least, least + span), share: (value) => (value - least) / span };
}

function logarithmicScale(least: number, most: number): Scale {
  const [low, high] = [least / 1.15, most * 1.15];
  const span = Math.log(high / low);
  return { ticks: logarithmicTicks(low, high), share: (value) => Math.log(value / low) / span };
}

function valueScale(values: readonly number[], { measure, isLogarithmic }: CurveView): Scale {
  const least = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const most = values.reduce((a, b) => Math.max(a, b), 0);
  if (values.length === 0) return linearScale(0, 1);
  if (measure === "accuracy") return linearScale(Math.min(45, least), 100);
  return isLogarithmic ? logarithmicScale(least, most) : linearScale(0, most * 1.05);
}

interface Stroke {
  readonly color: string;
  readonly isDashed?: boolean;
  readonly isFaint?: boolean;
}

interface Line extends Stroke {
  readonly xs: readonly number[];
  readonly values: Values;
}

const at = (value: number): string => value.toFixed(1);

function pathOf({ xs, values, color, isDashed, isFaint }: Line, x: Scale, y: Scale): string {
  let pen = "M";
  const points = values.map((value, place) => {
    if (value === null) {
      pen = "M";
      return "";
    }
    const text = `${pen}${at(plot.left + plot.width * x.share(xs[place]!))} ${at(plot.top + plot.height * (1 - y.share(value)))}`;
    pen = "L";
    return text;
  });
  const looks = `${isDashed ? ' stroke-dasharray="6 4"' : ""}${isFaint ? ' opacity="0.3"' : ""}`;
  return `<path d="${points.join("")}" fill="none" stroke="${color}" stroke-width="1.75" stroke-linejoin="round"${looks}/>`;
}

const text = (x: number, y: number, content: string, looks: string): string =>
  `<text x="${at(x)}" y="${at(y)}" ${looks}>${escape(content)}</text>`;

function axes(x: Scale, y: Scale, view: CurveView, colors: CurveColors): string[] {
  const bottom = plot.top + plot.height;
  const quiet = `fill="${colors.quiet}"`;
  const down = x.ticks.map((tick) => {
    const place = plot.left + plot.width * x.share(tick);
    const grid = `<path d="M${at(place)} ${plot.top}V${bottom}" stroke="${colors.line}"/>`;
    return grid + text(place, bottom + 18, formatNumber(tick), `${quiet} text-anchor="middle"`);
  });
  const across = y.ticks.map((tick) => {
    const place = plot.top + plot.height * (1 - y.share(tick));
    const label = view.measure === "loss" ? formatNumber(tick) : `${tick} %`;
    const grid = `<path d="M${plot.left} ${at(place)}H${plot.left + plot.width}" stroke="${colors.line}"/>`;
    return grid + text(plot.left - 8, place + 4, label, `${quiet} text-anchor="end"`);
  });
  const name = text(plot.left + plot.width / 2, bottom + 38, view.axis, `${quiet} text-anchor="middle"`);
  const measure = text(plot.left, plot.top - 7, view.measure, quiet);
  return [...down, ...across, name, measure];
}

/** One line a run: its name, its newest values, what was trained. */
function legend(runs: readonly Run[], view: CurveView, colorOf: (at: number) => string, colors: CurveColors): string[] {
  const { ink, quiet } = colors;
  return runs.map(({ name, settings, entries }, place) => {
    const y = plot.top + plot.height + 64 + place * legendLine;
    const last = entries[entries.length - 1];
    const key = `<path d="M${plot.left - 40} ${y - 4}h28" stroke="${colorOf(place)}" stroke-width="2.5"/>`;
    const shown = view.measure === "loss" ? last?.trainingLoss : last && 100 * last.trainingAccuracy;
    const value = last ? `${formatNumber(shown!)}${view.measure === "loss" ? "" : " %"}` : "–";
    const told = `${name}: ${value} at step ${formatCount(last?.step ?? 0)}`;
    const trained = settings.length > mostLetters ? `${settings.slice(0, mostLetters)}…` : settings;
    return (
      key + text(plot.left - 6, y, told, `fill="${ink}"`) + text(plot.left - 6, y + 15, trained, `fill="${quiet}"`)
    );
  });
}

/** @param runs the one under way first */
export function curvesSvg(runs: readonly Run[], view: CurveView, colors: CurveColors): string {
  const colorOf = (run: number): string => (run === 0 ? colors.ink : colors.runs[(run - 1) % colors.runs.length]!);
  const lines = runs.flatMap(({ entries }, run): Line[] => {
    const { xs, training, test, rawTraining, rawTest } = linesOf(entries, view);
    const color = colorOf(run);
    const testColor = run === 0 ? colors.test : color;
    const raw = [
      { xs, values: rawTraining, color, isFaint: true },
      { xs, values: rawTest, color: testColor, isFaint: true },
    ];
    const smoothed = [
      { xs, values: training, color },
      { xs, values: test, color: testColor, isDashed: true },
    ];
    return view.smoothing > 0 && run === 0 ? [...raw, ...smoothed] : smoothed;
  });
  const xs = lines.flatMap((line) => line.xs);
  const [least, most] = [xs.reduce((a, b) => Math.min(a, b), xs[0] ?? 0), xs.reduce((a, b) => Math.max(a, b), 0)];
  const x = linearScale(least, most);
  const values = lines.flatMap((line) => line.values).filter((value) => value !== null);
  const y = valueScale(values, view);
  const height = plot.top + plot.height + 64 + runs.length * legendLine + legendLine;
  const note = "solid: training, dashed: test";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${pictureWidth}" height="${height}" viewBox="0 0 ${pictureWidth} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="${colors.page}"/>`,
    ...axes(x, y, view, colors),
    ...lines.map((line) => pathOf(line, x, y)),
    ...legend(runs, view, colorOf, colors),
    text(plot.left + plot.width, plot.top - 7, note, `fill="${colors.quiet}" text-anchor="end"`),
    "</svg>\n",
  ].join("\n");
}
