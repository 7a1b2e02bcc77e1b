/** Red, green and blue from 0 to 255. */
export type Rgb = readonly [number, number, number];

/**
 * Viridis (Smith and van der Walt 2015) at equal distances: equal steps look equal, also to the colour-blind and in print.
 */
const anchors: readonly Rgb[] = [
  [68, 1, 84],
  [72, 40, 120],
  [62, 74, 137],
  [49, 104, 142],
  [38, 130, 142],
  [31, 158, 137],
  [53, 183, 121],
  [109, 205, 89],
  [180, 222, 44],
  [253, 231, 37],
];

/** The colour at a place on the scale, 0 dark to 1 bright. */
export function viridis(share: number): Rgb {
  const place = Math.min(1, Math.max(0, share)) * (anchors.length - 1);
  const below = Math.min(Math.floor(place), anchors.length - 2);
  const [low, high] = [anchors[below]!, anchors[below + 1]!];
  const channel = (index: 0 | 1 | 2): number => Math.round(low[index] + (high[index] - low[index]) * (place - below));
  return [channel(0), channel(1), channel(2)];
}

/** What a colour stands for. */
export interface ColourRange {
  readonly low: number;
  readonly high: number;
  readonly logarithmic: boolean;
  /** Bright stands for low values: of losses, the better. */
  readonly brightIsLow: boolean;
}

/** Where a value stands in the range, 0 at its low end. */
export function shareOf({ low, high, logarithmic }: ColourRange, value: number): number {
  if (!(high > low)) return 0.5; // also where nothing is finite
  const share = logarithmic ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  return Math.min(1, Math.max(0, share));
}

/** The value at a place in the range. */
export const valueOfShare = ({ low, high, logarithmic }: ColourRange, share: number): number =>
  logarithmic ? low * (high / low) ** share : low + (high - low) * share;

export const colourOf = (range: ColourRange, value: number): Rgb => {
  const share = shareOf(range, value);
  return viridis(range.brightIsLow ? 1 - share : share);
};

/** Losses stop being told apart this far below the largest. */
const decades = 1e5;

/**
 * A range in which most values differ in colour.
 * @param low, high with a hundredth of the values beyond each
 */
export function rangeOf(low: number, high: number, kind: "loss" | "accuracy"): ColourRange {
  if (kind === "accuracy") return { low, high, logarithmic: false, brightIsLow: false };
  const logarithmic = high > 0;
  return { low: logarithmic ? Math.max(low, high / decades) : low, high, logarithmic, brightIsLow: true };
}

/** Colours that are told apart in a picture. */
const tableSize = 256;

/** From a value to its entry of `tableSize` colours. A million of them are painted at once: logarithms are not taken twice. */
function placing({ low, high, logarithmic, brightIsLow }: ColourRange): (value: number) => number {
  const last = tableSize - 1;
  if (!(high > low)) return () => last >> 1;
  const [start, end] = logarithmic ? [Math.log(low), Math.log(high)] : [low, high];
  const scale = (brightIsLow ? -last : last) / (end - start);
  const offset = (brightIsLow ? last : 0) - scale * start + 0.5;
  return (value) => {
    const kept = Math.min(high, Math.max(low, value));
    return Math.floor(scale * (logarithmic ? Math.log(kept) : kept) + offset);
  };
}

/** Pixels of values, one each, over transparent ones; those that are not finite have no colour. */
export function paintValues(pixels: Uint8ClampedArray, values: ArrayLike<number>, range: ColourRange): void {
  const table = Array.from({ length: tableSize }, (_, index) => viridis(index / (tableSize - 1)));
  const placeOf = placing(range);
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    if (!Number.isFinite(value)) continue;
    const colour = table[placeOf(value)]!;
    pixels[4 * index] = colour[0];
    pixels[4 * index + 1] = colour[1];
    pixels[4 * index + 2] = colour[2];
    pixels[4 * index + 3] = 255;
  }
}
