// Comparison of a kernel's output with float64, value by value.

/** A quiet NaN that no kernel writes: what buffers hold before a kernel runs. */
const poisonBits = 0x7fc0dead;

/** `length` values that show where nothing was written. */
export function poisoned(length: number): Uint32Array {
  return new Uint32Array(length).fill(poisonBits);
}

/** Nothing may be written where `wanted` is NaN; elsewhere the value may be off by `bound`. */
export interface Wanted {
  readonly values: Float64Array;
  readonly bounds: Float64Array;
}

/** Everything untouched until it is filled in. */
export const untouched = (length: number): Wanted => ({
  values: new Float64Array(length).fill(Number.NaN),
  bounds: new Float64Array(length),
});

/**
 * Throws, naming the worst index, both values and the shape, unless every value keeps its bound and nothing else was written.
 * @returns the largest error in units of its bound
 */
export function requireWithin(shape: string, bits: Uint32Array, { values, bounds }: Wanted): number {
  const got = new Float32Array(bits.buffer, bits.byteOffset, bits.length);
  let worst = 0;
  let worstAt = 0;
  for (let at = 0; at < values.length; at++) {
    const wanted = values[at]!;
    if (Number.isNaN(wanted)) {
      if (bits[at] === poisonBits) continue;
      throw new Error(`${shape}: index ${at} is outside the result and was written: ${got[at]}`);
    }
    const error = Math.abs(got[at]! - wanted);
    const ratio = error === 0 ? 0 : error / bounds[at]!;
    if (ratio <= worst) continue; // false for NaN
    worst = ratio;
    worstAt = at;
    if (Number.isNaN(ratio)) break;
  }
  if (worst <= 1) return worst;
  const written = bits[worstAt] === poisonBits ? " (never written)" : "";
  throw new Error(
    `${shape}: index ${worstAt} is ${got[worstAt]}${written}, wanted ${values[worstAt]} ± ${bounds[worstAt]}; ${worst} times the bound`,
  );
}

/** Rounding of f32: half a unit in the last place of 1. */
export const roundoff = 2 ** -24;

/** The least normal number of f32: what is smaller may be flushed to 0. */
export const leastNormal = 2 ** -126;

/** Bound of a float32 sum of `count` products whose magnitudes add up to `magnitude`, whatever the order of the sum. */
export const sumBound = (count: number, magnitude: number): number => Math.max(4, count / 10) * roundoff * magnitude;

/** Largest |a − b|. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 0;
  for (let at = 0; at < a.length; at++) {
    const difference = Math.abs(a[at]! - b[at]!);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

/** ‖a − b‖ / ‖b‖. */
export function relativeDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0;
  let norm = 0;
  for (let at = 0; at < b.length; at++) {
    difference += (a[at]! - b[at]!) ** 2;
    norm += b[at]! ** 2;
  }
  return Math.sqrt(difference / norm);
}

/** 64 bits of FNV-1a over the bytes, as hexadecimal: equal bits, equal text. */
export function hashOf(...parts: readonly ArrayBufferView[]): string {
  let [high, low] = [0xcbf29ce4, 0x84222325];
  for (const part of parts) {
    const bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
    for (let at = 0; at < bytes.length; at++) {
      const word = (low ^ bytes[at]!) >>> 0;
      const product = word * 0x1b3; // of the prime 2⁴⁰ + 0x1b3; exact below 2⁵³
      high = (Math.imul(high, 0x1b3) + Math.floor(product / 2 ** 32) + (word << 8)) >>> 0;
      low = product >>> 0;
    }
  }
  return [high, low].map((word) => word.toString(16).padStart(8, "0")).join("");
}
