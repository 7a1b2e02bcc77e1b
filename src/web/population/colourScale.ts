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

/** A range in which most values differ in colour: a hundredth at each end lies beyond it. */
export function rangeOf(values: ArrayLike<number>, kind: "loss" | "accuracy"): ColourRange {
  const finite = Float64Array.from(values)
    .filter((value) => Number.isFinite(value))
    .sort();
  const at = (share: number): number => finite[Math.round(share * (finite.length - 1))] ?? Number.NaN;
  const [low, high] = [at(0.01), at(0.99)];
  if (kind === "accuracy") return { low, high, logarithmic: false, brightIsLow: false };
  const logarithmic = high > 0;
  return { low: logarithmic ? Math.max(low, high / decades) : low, high, logarithmic, brightIsLow: true };
}
