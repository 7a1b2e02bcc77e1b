// Functions in float64 that Math does not have.

/** erf(x) = 2/√π · e^(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!!, every term positive, so nothing cancels (DLMF 7.6.2). */
export function erfOf(x: number): number {
  const t = Math.abs(x);
  if (t > 6) return Math.sign(x);
  let term = t;
  let sum = t;
  for (let n = 1; n < 200 && term > sum * 1e-17; n++) {
    term *= (2 * t * t) / (2 * n + 1);
    sum += term;
  }
  return Math.sign(x) * Math.min(1, (2 / Math.sqrt(Math.PI)) * Math.exp(-t * t) * sum);
}

/** erfc(t) for t > 2.5 by its continued fraction (DLMF 7.9.3): 1 − erf would cancel. */
function erfcTail(t: number): number {
  let fraction = t;
  for (let n = 80; n >= 1; n--) fraction = t + n / 2 / fraction;
  return Math.exp(-t * t) / Math.sqrt(Math.PI) / fraction;
}

/** Distribution function of the standard normal, without cancellation in either tail. */
export function normalDistributionOf(x: number): number {
  const t = Math.abs(x) * Math.SQRT1_2;
  const upper = t > 2.5 ? erfcTail(t) / 2 : (1 - erfOf(t)) / 2;
  return x > 0 ? 1 - upper : upper;
}

/** e^(−x²/2) / √(2π). */
export const normalDensityOf = (x: number): number => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);

/** 1 / (1 + e^−x), of full relative accuracy in both tails. */
export function sigmoidOf(x: number): number {
  const e = Math.exp(-Math.abs(x));
  return (x >= 0 ? 1 : e) / (1 + e);
}

/** log(1 + e^x). */
export const softplusOf = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
