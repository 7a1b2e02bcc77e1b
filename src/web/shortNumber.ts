/** `1e-4`, `0.01`, `2,000`: as short as a number can be without losing any of it. */
export function shortNumber(value: number): string {
  if (value === 0) return "0";
  if (Math.abs(value) < 0.001 || Math.abs(value) >= 1e7) return value.toExponential().replace("e+", "e");
  return Math.abs(value) >= 1000 ? value.toLocaleString("en") : String(Number(value.toPrecision(6)));
}

/** Three digits that say how much. */
export const roughNumber = (value: number): string => shortNumber(Number(value.toPrecision(3)));
