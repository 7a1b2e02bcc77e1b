/**
 * Counter-based random numbers: every value is a function of (seed, stream, counter), so that nothing has to be stored to
 * resume a run, and every host draws the same bits. Only 32-bit integers and correctly rounded f64 operations are used.
 */

/** What a stream of random numbers is for; streams of one seed are independent. */
export const streams = {
  parameters: 0,
  order: 1,
  split: 2,
  noise: 3,
  bootstrap: 4,
  sampling: 5,
  dropout: 6,
  brackets: 7,
  mixup: 8,
  mixupShares: 9,
} as const;

const rotations = [13, 15, 26, 6, 17, 29, 16, 24];
const rotateLeft = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));

/**
 * Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 * @returns two uint32 words for (key, counter)
 */
export function threefry2x32(key0: number, key1: number, counter0: number, counter1: number): [number, number] {
  const keys = [key0, key1, 0x1bd11bda ^ key0 ^ key1];
  let x0 = (counter0 + key0) | 0;
  let x1 = (counter1 + key1) | 0;
  for (let round = 0; round < 20; round++) {
    x0 = (x0 + x1) | 0;
    x1 = rotateLeft(x1, rotations[round % 8]!) ^ x0;
    if (round % 4 !== 3) continue;
    const injection = (round + 1) / 4;
    x0 = (x0 + keys[injection % 3]!) | 0;
    x1 = (x1 + keys[(injection + 1) % 3]! + injection) | 0;
  }
  return [x0 >>> 0, x1 >>> 0];
}

/** Key words of a seed in [0, 2⁵³) and a stream: the high bits go into the second word beside the stream. */
export const keyOf = (seed: number, stream: number): [number, number] => [
  seed >>> 0,
  (stream ^ (Math.floor(seed / 2 ** 32) << 8)) >>> 0,
];

/** Uniform in (0, 1) with 52 random bits and never 0 or 1. */
export function uniformAt(seed: number, stream: number, counter: number): number {
  const [key0, key1] = keyOf(seed, stream);
  const [high, low] = threefry2x32(key0, key1, counter >>> 0, Math.floor(counter / 2 ** 32));
  return ((high >>> 6) * 2 ** 26 + (low >>> 6) + 0.5) / 2 ** 52;
}

/** Natural logarithm of x > 0 from + − × ÷ alone: `Math.log` may differ between engines by a last bit. */
export function logarithm(x: number): number {
  let exponent = 0;
  let mantissa = x;
  for (; mantissa > Math.SQRT2; mantissa /= 2) exponent++;
  for (; mantissa < Math.SQRT1_2; mantissa *= 2) exponent--;
  const t = (mantissa - 1) / (mantissa + 1);
  let sum = 0;
  for (let power = 41; power >= 1; power -= 2) sum = sum * t * t + 1 / power;
  return exponent * Math.LN2 + 2 * t * sum;
}

const horner = (x: number, coefficients: readonly number[]): number =>
  coefficients.reduceRight((sum, c) => sum * x + c);

/** Rational approximations of PPND16, numerator and denominator from the constant term up. */
const centre = [
  [3.387132872796366608, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125, 45921.953931549871457,
    67265.770927008700853, 33430.575583588128105, 2509.0809287301226727],
  [1, 42.313330701600911252, 687.1870074920579083, 5394.1960214247511077, 21213.794301586595867, 39307.89580009271061,
    28729.085735721942674, 5226.495278852545925],
] as const; // prettier-ignore
const shoulder = [
  [1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504,
    1.27045825245236838258, 0.24178072517745061177, 0.0227238449892691845833, 7.7454501427834140764e-4],
  [1, 2.05319162663775882187, 1.6763848301838038494, 0.68976733498510000455, 0.14810397642748007459,
    0.0151986665636164571966, 5.475938084995344946e-4, 1.05075007164441684324e-9],
] as const; // prettier-ignore
const tail = [
  [6.6579046435011037772, 5.4637849111641143699, 1.7848265399172913358, 0.29656057182850489123,
    0.026532189526576123093, 0.0012426609473880784386, 2.71155556874348757815e-5, 2.01033439929228813265e-7],
  [1, 0.59983220655588793769, 0.13692988092273580531, 0.0148753612908506148525, 7.868691311456132591e-4,
    1.8463183175100546818e-5, 1.4215117583164458887e-7, 2.04426310338993978564e-15],
] as const; // prettier-ignore

const ratio = (x: number, [numerator, denominator]: readonly [readonly number[], readonly number[]]): number =>
  horner(x, numerator) / horner(x, denominator);

/** Quantile of the standard normal distribution: algorithm AS 241, PPND16 (Wichura 1988), about 1e-16 relative. */
export function normalQuantile(probability: number): number {
  const q = probability - 0.5;
  if (Math.abs(q) <= 0.425) return q * ratio(0.180625 - q * q, centre);
  const r = Math.sqrt(-logarithm(Math.min(probability, 1 - probability)));
  const magnitude = r <= 5 ? ratio(r - 1.6, shoulder) : ratio(r - 5, tail);
  return q < 0 ? -magnitude : magnitude;
}

/** Standard normal value at a counter. */
export const normalAt = (seed: number, stream: number, counter: number): number =>
  normalQuantile(uniformAt(seed, stream, counter));

/** Key of the permutation of one epoch: two uint32 words. */
export function orderKey(seed: number, stream: number, epoch: number): [number, number] {
  const [key0, key1] = keyOf(seed, stream);
  return threefry2x32(key0, key1, epoch >>> 0, 0);
}

/** Row of `count` that a bootstrap sample holds at `place`: ⌊count · u⌋ for u uniform in [0, 1) of 32 bits. */
export function bootstrapRow(place: number, count: number, seed: number): number {
  const [key0, key1] = keyOf(seed, streams.bootstrap);
  const [word] = threefry2x32(key0, key1, place >>> 0, 0);
  // ⌊word · count / 2³²⌋ in parts that stay exact
  return Math.floor(((word >>> 16) * count + Math.floor(((word & 0xffff) * count) / 65_536)) / 65_536);
}

/** Finaliser of MurmurHash3 (Appleby, public domain): every input bit reaches every output bit. */
export function mix(x: number): number {
  let h = x;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * Image of `index` under the permutation of [0, count) chosen by `key`: a Feistel network over the smallest power of two
 * ≥ count, walked along its cycle until the value lies below count (Black and Rogaway 2002, "cycle walking").
 * The same in WGSL: `permute` in `shaders/shuffle.wgsl`.
 */
export function permute(index: number, count: number, key: readonly [number, number]): number {
  const bits = 32 - Math.clz32(count - 1);
  const lowBits = bits - (bits >> 1);
  const highMask = 2 ** (bits >> 1) - 1;
  const lowMask = 2 ** lowBits - 1;
  let x = index;
  do {
    let high = ((x >>> 0) / 2 ** lowBits) >>> 0;
    let low = (x & lowMask) >>> 0;
    for (let round = 0; round < 3; round++) {
      high = (high ^ (mix((low + key[0] + Math.imul(round, 0x9e3779b9)) >>> 0) & highMask)) >>> 0;
      low = (low ^ (mix((high + key[1] + Math.imul(round, 0x7f4a7c15)) >>> 0) & lowMask)) >>> 0;
    }
    x = high * 2 ** lowBits + low;
  } while (x >= count);
  return x;
}

/** The permutation of [0, count) of a seed and stream. */
export function permutation(count: number, seed: number, stream: number): Uint32Array {
  const key = orderKey(seed, stream, 0);
  return Uint32Array.from({ length: count }, (_, index) => permute(index, count, key));
}
