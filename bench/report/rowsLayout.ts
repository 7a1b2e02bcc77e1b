import type { Spread } from "../race/units.ts";
import { type ChartOptions, padPx, type PixelText, wideFrom } from "./frame.ts";
import type { Paint } from "./palette.ts";
import { shorten, splitLabel, textWidth, wrap } from "./textLayout.ts";

// Where the rows of a chart go: the label beside its marks, or above them where the chart is narrow.

/** One value with its quartiles. */
export interface RowValue extends Spread {
  /** At the mark's end. */
  readonly text: string;
  /** Under the pointer. */
  readonly tip: string;
}

export interface ChartRow {
  readonly contender: string;
  readonly label: string;
  /** One per side that is compared, or why that side has none. */
  readonly values: readonly (RowValue | string)[];
  /** Why there is no value at all; such rows come last. */
  readonly failure?: string;
  /** Set in bold: what the others are compared with. */
  readonly isBase?: boolean;
}

/** A mark: one value of one row. */
export interface Placed extends RowValue {
  readonly contender: string;
  readonly side: number;
  readonly top: number;
  readonly bottom: number;
}

export interface Layout {
  readonly placed: readonly Placed[];
  readonly texts: readonly PixelText[];
  /** Upper edge of the axis' texts. */
  readonly axisY: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

export const font = { label: 13, detail: 11, value: 12 } as const;
const labelColumnPx = 272;
const sidePx = 16;
const axisPx = 24;

export const isValue = (value: RowValue | string): value is RowValue => typeof value !== "string";
export const valuesOf = (rows: readonly ChartRow[]): RowValue[] => rows.flatMap(({ values }) => values.filter(isValue));

interface Label {
  /** From y = 0. */
  readonly texts: readonly PixelText[];
  readonly heightPx: number;
}

/** The library, and below it in smaller letters its setting. */
function wideLabel({ label, isBase = false }: ChartRow, { ink, muted }: Paint): Label {
  const [name, setting] = splitLabel(label);
  const widthPx = labelColumnPx - 2 * padPx;
  const settings = setting ? wrap(setting, { widthPx, fontPx: font.detail, maxLines: 2 }) : [];
  const text = shorten(name, widthPx, font.label);
  return {
    texts: [
      { x: padPx, y: 0, text, color: ink, fontPx: font.label, isBold: isBase },
      ...settings.map((text, at) => ({ x: padPx, y: 16 + 13 * at, text, color: muted, fontPx: font.detail })),
    ],
    heightPx: 16 + 13 * settings.length,
  };
}

function narrowLabel({ label, isBase = false }: ChartRow, { ink }: Paint, width: number): Label {
  const lines = wrap(label, { widthPx: width - 2 * padPx, fontPx: font.value, maxLines: 2 });
  const own = { x: padPx, color: ink, fontPx: font.value, isBold: isBase };
  return { texts: lines.map((text, at) => ({ ...own, y: 15 * at, text })), heightPx: 15 * lines.length };
}

const lowered = (texts: readonly PixelText[], byPx: number): PixelText[] =>
  texts.map((text) => ({ ...text, y: text.y + byPx }));

interface Slot {
  readonly top: number;
  readonly left: number;
  readonly widthPx: number;
}

/** The values of one row below each other, and the reason where a side has none. */
function placeValues({ contender, values }: ChartRow, { top, left, widthPx }: Slot, bad: string) {
  const placed: Placed[] = [];
  const texts: PixelText[] = [];
  for (const [side, value] of values.entries()) {
    const at = top + side * sidePx;
    if (isValue(value)) placed.push({ ...value, contender, side, top: at, bottom: at + sidePx - 1 });
    else
      texts.push({ x: left, y: at + 2, text: shorten(value, widthPx, font.detail), color: bad, fontPx: font.detail });
  }
  return { placed, texts };
}

/** Timed rows, the axis, and below it the rows that failed. @param top where the first row begins */
export function layOut(rows: readonly ChartRow[], top: number, paint: Paint, { width }: ChartOptions): Layout {
  const isWide = width >= wideFrom;
  const left = isWide ? labelColumnPx : padPx;
  const widthPx = width - left - padPx;
  const right = Math.max(padPx, ...valuesOf(rows).map(({ text }) => textWidth(text, font.value) + 14));
  const placed: Placed[] = [];
  const texts: PixelText[] = [];
  let y = top;
  const put = (row: ChartRow): void => {
    const { failure } = row;
    const reasons = failure ? wrap(failure, { widthPx, fontPx: font.detail, maxLines: 3 }) : [];
    const label = isWide ? wideLabel(row, paint) : narrowLabel(row, paint, width);
    const marksPx = failure ? 14 * reasons.length : sidePx * row.values.length;
    const rowPx = isWide ? Math.max(29, label.heightPx, marksPx) : label.heightPx + 2 + marksPx;
    const first = isWide ? y + (rowPx - marksPx) / 2 : y + label.heightPx + 2;
    const values = placeValues(row, { top: first, left, widthPx }, paint.bad);
    placed.push(...values.placed);
    texts.push(...lowered(label.texts, isWide ? y + (rowPx - label.heightPx) / 2 : y), ...values.texts);
    const own = { x: left, color: paint.bad, fontPx: font.detail };
    texts.push(...reasons.map((text, at) => ({ ...own, y: first + 14 * at, text })));
    y += rowPx + (isWide ? 8 : 10);
  };
  for (const row of rows) if (row.failure === undefined) put(row);
  const axisY = y;
  if (placed.length > 0) y += axisPx;
  for (const row of rows) if (row.failure !== undefined) put(row);
  return { placed, texts, axisY, bottom: y, left, right };
}
