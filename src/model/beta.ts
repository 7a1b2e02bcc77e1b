import { logarithm, normalAt, uniformAt } from "../random.ts";

// The symmetric beta distribution, from counter-based random numbers and operations that every host rounds in the same way.

/** Random numbers that one value may take: two gamma variates of up to 63 attempts. */
const stride = 256;
const mostAttempts = 63;
/** ln 2 in two parts: multiples of the first are exact. */
const [ln2High, ln2Low] = [6.93147180369123816490e-1, 1.90821492927058770002e-10]; // prettier-ignore

/** eˣ for x ≤ 0 from + − × ÷ alone: `Math.exp` may differ between engines by a last bit. */
export function exponential(x: number): number {
  if (x < -700) return 0;
  const halvings = Math.round(-x / Math.LN2);
  const rest = x + halvings * ln2High + halvings * ln2Low;
  let sum = 1;
  for (let power = 18; power >= 1; power--) sum = 1 + (sum * rest) / power;
  for (let at = 0; at < halvings; at++) sum /= 2;
  return sum;
}

interface Draw {
  readonly seed: number;
  readonly stream: number;
  /** The first of 128 counters. */
  readonly counter: number;
}

/**
 * Logarithm of a gamma variate of scale 1: the squeeze method of Marsaglia and Tsang (ACM TOMS 26, 2000), which takes more than one attempt for
 * less than one value in twenty; below shape 1 that of shape + 1, times U^(1 / shape).
 */
function logGammaAt(shape: number, { seed, stream, counter }: Draw): number {
  const boost = shape < 1 ? logarithm(uniformAt(seed, stream, counter)) / shape : 0;
  const d = (shape < 1 ? shape + 1 : shape) - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  let log = logarithm(d);
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const x = normalAt(seed, stream, counter + 1 + 2 * attempt);
    const root = 1 + c * x;
    if (root <= 0) continue;
    const v = root * root * root;
    const u = uniformAt(seed, stream, counter + 2 + 2 * attempt);
    const logV = logarithm(v);
    log = logarithm(d) + logV;
    if (u < 1 - 0.0331 * x * x * x * x || logarithm(u) < (x * x) / 2 + d * (1 - v + logV)) break;
  }
  return log + boost;
}

/**
 * A value of Beta(alpha, alpha), G / (G + G') of two gamma variates, as number `index` of a seed and stream.
 * @param alpha above 0; in logarithms it may be as small as 1e-6
 */
export function symmetricBetaAt(
  alpha: number,
  seed: number,
  { stream, index }: { readonly stream: number; readonly index: number },
): number {
  const at = (gamma: 0 | 1): number =>
    logGammaAt(alpha, { seed, stream, counter: index * stride + gamma * (stride / 2) });
  const difference = at(1) - at(0);
  const ratio = exponential(-Math.abs(difference)); // of the smaller to the larger
  return difference > 0 ? ratio / (1 + ratio) : 1 / (1 + ratio);
}
