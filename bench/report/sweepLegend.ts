import * as Plot from "@observablehq/plot";
import type { Spread } from "../race/units.ts";
import { padPx, pixels, pixelTexts, type PixelText } from "./frame.ts";
import type { Look, Paint } from "./palette.ts";
import { shorten, splitLabel, spread, wrap } from "./textLayout.ts";

// Names of a sweep's lines: at their ends where there is room, else below the chart, with what failed.

export interface Dot extends Spread {
  readonly x: number;
  readonly tip: string;
}

/** A contender's line, and what keeps it from being a whole one. */
export interface Line {
  readonly contender: string;
  readonly label: string;
  readonly look: Look;
  /** In the order of x; NaN where it has no figure, so that the line has a gap. */
  readonly dots: readonly Dot[];
  readonly failures: readonly string[];
}

export const measured = ({ dots }: Line): Dot[] => dots.filter(({ median }) => Number.isFinite(median));

const samplePx = 26;

/** A piece of each line with its marker, where its name stands. */
function sampleMarks(
  items: readonly { readonly line: Line; readonly x: number; readonly y: number }[],
  paint: Paint,
): Plot.Markish[] {
  return items.flatMap(({ line: { look, contender }, x, y }) => {
    const isAccent = contender === "thalweg";
    const ends = { x1: pixels(() => x), x2: pixels(() => x + samplePx), y1: pixels(() => y), y2: pixels(() => y) };
    const stroke = { stroke: look.color, strokeWidth: isAccent ? 3 : 1.5 };
    return [
      Plot.link([0], { ...ends, ...stroke, strokeDasharray: look.dash }),
      Plot.dot([0], {
        x: pixels(() => x + samplePx / 2),
        y: pixels(() => y),
        symbol: look.symbol,
        r: 4,
        stroke: look.color,
        strokeWidth: 1.5,
        fill: look.dash === "" ? look.color : paint.background,
      }),
    ];
  });
}

interface Ends {
  readonly y: { readonly at: (value: number) => number };
  readonly area: { readonly right: number; readonly top: number; readonly bottom: number };
  readonly width: number;
}

interface NamePlace {
  readonly label: string;
  readonly x: number;
  readonly y: number;
  readonly widthPx: number;
}

/** The library, and below it in smaller letters its setting; `y` is the middle of both. */
function nameTexts({ label, x, y, widthPx }: NamePlace, { ink, muted }: Paint): PixelText[] {
  const [name, setting] = splitLabel(label);
  const first = { x, y: setting ? y - 13 : y - 7, text: shorten(name, widthPx, 12), color: ink, fontPx: 12 };
  if (!setting) return [first];
  return [first, { x, y: y + 1, text: shorten(setting, widthPx, 11), color: muted, fontPx: 11 }];
}

/** Names at the right, moved apart, with a thin line to where their lines end; last those that end before. */
export function endLabels(lines: readonly Line[], { y, area, width }: Ends, paint: Paint): Plot.Markish[] {
  const textX = area.right + 24 + samplePx;
  const ends = lines.map((line) => line.dots.at(-1)!.median);
  const lowest = Math.max(area.top, ...ends.filter(Number.isFinite).map((value) => y.at(value)));
  const wanted = ends.map((value, at) => (Number.isFinite(value) ? y.at(value) : lowest + 1 + at));
  const places = spread(wanted, 34, [area.top + 10, area.bottom - 6]);
  const items = lines.map((line, at) => ({
    line,
    x: area.right + 18,
    y: places[at]!,
    from: wanted[at]!,
    end: ends[at]!,
  }));
  const widthPx = width - textX - padPx;
  const texts = items.flatMap(({ line, y }) => nameTexts({ label: line.label, x: textX, y, widthPx }, paint));
  const reaching = items.filter(({ end }) => Number.isFinite(end));
  const leaders = Plot.link(reaching, {
    x1: pixels(() => area.right + 2),
    x2: pixels(() => area.right + 16),
    y1: pixels(({ from }: (typeof items)[number]) => from),
    y2: pixels(({ y }: (typeof items)[number]) => y),
    stroke: paint.muted,
    strokeWidth: 0.75,
  });
  return [leaders, ...sampleMarks(items, paint), ...pixelTexts(texts)];
}

/** A line of text per name, and below it what failed. */
export function legendBelow(
  lines: readonly Line[],
  top: number,
  width: number,
  paint: Paint,
): { marks: Plot.Markish[]; bottom: number } {
  const textX = padPx + samplePx + 8;
  const widthPx = width - textX - padPx;
  const items: { line: Line; x: number; y: number }[] = [];
  const texts: PixelText[] = [];
  let y = top;
  for (const line of lines) {
    items.push({ line, x: padPx, y: y + 7 });
    const put = (text: string, color: string, maxLines: number): void => {
      for (const row of wrap(text, { widthPx, fontPx: 12, maxLines })) {
        texts.push({ x: textX, y, text: row, color, fontPx: 12 });
        y += 15;
      }
    };
    put(line.label, paint.ink, 2);
    for (const failure of line.failures) put(failure, paint.bad, 3);
    y += 5;
  }
  return { marks: [...sampleMarks(items, paint), ...pixelTexts(texts)], bottom: lines.length > 0 ? y + 4 : top };
}
