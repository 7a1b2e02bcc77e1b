/** The band's lines, and beyond them the ends of the colours. */
export const spreadShares = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99] as const;

/**
 * Values below which so many of the finite values lie, linear between neighbours (definition 7 of Hyndman and Fan 1996, the default
 * of NumPy and R).
 * @returns NaN for each share where no value is finite
 */
export function quantiles(values: ArrayLike<number>, shares: readonly number[] = spreadShares): number[] {
  const sorted = Float64Array.from(values)
    .filter((value) => Number.isFinite(value))
    .sort();
  return shares.map((share) => {
    const place = share * (sorted.length - 1);
    const below = Math.floor(place);
    const low = sorted[below] ?? Number.NaN;
    const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? Number.NaN;
    return low + (high - low) * (place - below);
  });
}
