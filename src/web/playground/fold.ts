// Which part of a large network is drawn: the first and the last neurons of a wide layer, the first and the last layers of
// many. What lies between is told as a number.

/** Rows of a column at most, and hidden layers beside each other at most. */
const mostRows = 16;
const mostColumns = 6;
/** Neurons above the gap of a wide layer; below it there is one less, for the gap takes a row. */
const above = 8;

/** Neurons of a layer that are drawn, in order. */
export function drawnUnits(width: number): readonly number[] {
  const all = Array.from({ length: width }, (_, unit) => unit);
  return width <= mostRows ? all : [...all.slice(0, above), ...all.slice(width - (mostRows - above - 1))];
}

/** A column of the drawing: a layer (−1: the inputs), or a gap for some that are not drawn. */
export type Column =
  | {
      readonly kind: "layer";
      readonly layer: number;
      readonly units: readonly number[];
      /** Neurons that are not drawn; the gap that shows their number is below the unit of row `above`. */
      readonly folded: number;
      readonly rows: number;
    }
  | { readonly kind: "gap"; readonly layers: number; readonly rows: 1 };

function layerColumn(layer: number, width: number): Column {
  const units = drawnUnits(width);
  const folded = width - units.length;
  return { kind: "layer", layer, units, folded, rows: units.length + (folded > 0 ? 1 : 0) };
}

/** Row of a drawn unit: those below the gap are one further down. */
export const rowOf = (place: number, folded: number): number => (folded > 0 && place >= above ? place + 1 : place);
/** Row of the gap of a wide layer. */
export const gapRow = above;

/** Whether there are more layers than are drawn: a gap in the place of one would save nothing. */
export const isFoldable = (layers: number): boolean => layers > mostColumns + 1;

/** @param isUnfolded all layers have their column, however many there are */
export function columnsOf(inputs: number, widths: readonly number[], isUnfolded: boolean): Column[] {
  const hidden = widths.map((width, layer) => layerColumn(layer, width));
  const between = hidden.length - mostColumns;
  const shown =
    isFoldable(hidden.length) && !isUnfolded
      ? [
          ...hidden.slice(0, mostColumns / 2),
          { kind: "gap", layers: between, rows: 1 } as const,
          ...hidden.slice(-mostColumns / 2),
        ]
      : hidden;
  const all = Array.from({ length: inputs }, (_, unit) => unit);
  return [{ kind: "layer", layer: -1, units: all, folded: 0, rows: inputs }, ...shown, layerColumn(widths.length, 1)];
}

/** Widths that + and − lead to: one more, and beyond what is drawn in full by larger steps. */
export function nextWidth(width: number, by: -1 | 1, most: number): number {
  const ladder = [...Array.from({ length: mostRows }, (_, at) => at + 1), 20, 24, 32, 48, 64, 96, 128];
  const next = by > 0 ? ladder.find((one) => one > width) : ladder.findLast((one) => one < width);
  return Math.min(most, next ?? width);
}
