import * as Plot from "@observablehq/plot";
import { type Paint, type Theme, variablesOf } from "./palette.ts";
import { textWidth, wrap } from "./textLayout.ts";

// What all charts share: options, head lines, text at pixels, round values of axes.

export interface ChartOptions {
  /** Needed where there is no page. */
  readonly document?: Document;
  /** Pixels. */
  readonly width: number;
  /** Shows values under the pointer. */
  readonly tip?: boolean;
  readonly theme: Theme;
  /** Above the chart, where the page has no heading of its own. */
  readonly title?: string;
}

/** Narrower charts put labels above marks and legends below. */
export const wideFrom = 640;
export const padPx = 8;

export interface PixelText {
  readonly x: number;
  /** Upper edge of the line. */
  readonly y: number;
  readonly text: string;
  readonly color: string;
  readonly fontPx: number;
  readonly isBold?: boolean;
}

/** A channel in pixels of the whole picture. */
export const pixels = <T>(value: (datum: T) => number) => ({ value: value as (datum: unknown) => number, scale: null });

const textsOf = (texts: readonly PixelText[], fontWeight: number): Plot.Text =>
  Plot.text(texts, {
    x: pixels<PixelText>(({ x }) => x),
    y: pixels<PixelText>(({ y }) => y),
    text: "text",
    fill: "color",
    fontSize: ({ fontPx }: PixelText) => fontPx,
    fontWeight,
    fontVariant: "tabular-nums",
    textAnchor: "start",
    lineAnchor: "top",
  });

export const pixelTexts = (texts: readonly PixelText[]): Plot.Markish[] => [
  textsOf(
    texts.filter(({ isBold }) => !isBold),
    400,
  ),
  textsOf(
    texts.filter(({ isBold }) => isBold),
    600,
  ),
];

export interface Head {
  readonly texts: readonly PixelText[];
  readonly heightPx: number;
}

/** A title, and lines below it on how to read the chart. */
export function headOf({ title, width }: ChartOptions, notes: readonly string[], { ink, muted }: Paint): Head {
  const widthPx = width - 2 * padPx;
  const titleLines = title ? wrap(title, { widthPx, fontPx: 15 }) : [];
  const noteLines = notes.flatMap((note) => wrap(note, { widthPx, fontPx: 12 }));
  const first = padPx + 20 * titleLines.length;
  const texts = [
    ...titleLines.map((text, at) => ({ x: padPx, y: padPx + 20 * at, text, color: ink, fontPx: 15, isBold: true })),
    ...noteLines.map((text, at) => ({ x: padPx, y: first + 16 * at, text, color: muted, fontPx: 12 })),
  ];
  return { texts, heightPx: first + 16 * noteLines.length + padPx };
}

/** 1, 10, 100, …, with 2s and 5s between where these are few. */
export function logTicks(least: number, most: number): number[] {
  const decades = Math.log10(most / least);
  const steps = decades < 1.2 ? [1, 2, 5] : decades < 2.5 ? [1, 3] : [1];
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++) {
    for (const step of steps) {
      const tick = step * 10 ** power;
      if (tick >= least && tick <= most) ticks.push(tick);
    }
  }
  return ticks;
}

/** Every so manyth of `ticks`, so that texts at `positions` leave a gap between them; the last of all is kept. */
export function thinned(
  ticks: readonly number[],
  format: (tick: number) => string,
  position: (tick: number) => number,
  fontPx = 11,
): number[] {
  const room = (tick: number): number => textWidth(format(tick), fontPx) + 10;
  const fits = (kept: readonly number[]): boolean =>
    kept.every((tick, at) => {
      const before = kept[at - 1];
      return before === undefined || Math.abs(position(tick) - position(before)) >= (room(tick) + room(before)) / 2;
    });
  for (let every = 1; every < ticks.length; every++) {
    const kept = ticks.filter((_, at) => (ticks.length - 1 - at) % every === 0);
    if (fits(kept)) return kept;
  }
  return ticks.slice(-1);
}

/** Draws, and says in words what is to be seen. */
export function draw(options: ChartOptions, paint: Paint, plot: Plot.PlotOptions, summary: string): SVGSVGElement {
  const { document, width, theme } = options;
  const svg = Plot.plot({
    ...(document && { document }),
    width,
    style: { color: paint.ink, background: "transparent", fontSize: "11px", overflow: "visible" },
    ...plot,
    ariaLabel: summary,
  }) as unknown as SVGSVGElement;
  svg.setAttribute("role", "img");
  // Names of marks, in a picture that says in words what it shows.
  for (const mark of svg.querySelectorAll("g[aria-label]")) mark.removeAttribute("aria-label");
  svg.style.setProperty("--plot-background", paint.background);
  if (theme === "auto") {
    for (const [name, color] of Object.entries(variablesOf(theme))) svg.style.setProperty(name, color);
  }
  return svg;
}
