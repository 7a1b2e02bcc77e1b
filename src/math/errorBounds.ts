// What primitives may be off by in f32: bounds of the table in primitives.ts.

/** What the result of a primitive may be off by in f32, in absolute terms. */
export type ErrorBound = (result: number, ...operands: number[]) => number;

/** So many units in the last place of the result, which are at most 2⁻²³ of it, and an absolute part. */
export const units =
  (count: number, absolute = 0): ErrorBound =>
  (result) =>
    count * 2 ** -23 * Math.abs(result) + absolute;

export const exact = units(0);
export const rounded = units(0.5);
/** Of an exponential of x, and of what is made of one by so many other roundings: WGSL allows 3 + 2|x| units. */
export const exponentialUnits =
  (others: number): ErrorBound =>
  (result, x) =>
    units(others + 3 + 2 * Math.min(Math.abs(x!), 88))(result);
/** The same of what is held at the smallest normal number in its tail. */
export const heldUnits =
  (others: number): ErrorBound =>
  (result, x) =>
    exponentialUnits(others)(Math.max(result, 2 ** -126), x!);

/** By a series near 0, beyond it by an exponential. */
export const expm1Bound: ErrorBound = (result, x) =>
  Math.abs(x!) < 0.25 ? units(2)(result) : units(1)(result) + exponentialUnits(0)(Math.exp(x!), x!);

/** Whole exponents by squaring, each factor rounded, or one over that, which may be 0; else WGSL's exp2(exponent · log2(x)). */
export const powerBound: ErrorBound = (result, x, exponent) => {
  const isWhole = Number.isInteger(exponent) && Math.abs(exponent!) <= 64;
  if (isWhole && exponent! < 0 && Math.abs(result) > 2 ** 126) return Infinity;
  if (isWhole) return units(Math.abs(exponent!) + 2.5)(result);
  const logarithm = Math.abs(exponent! * Math.log2(Math.abs(x!)));
  return units(4 + 5 * logarithm + 8 * Math.abs(exponent!))(result);
};
