import { streams, uniformAt } from "../../src/random.ts";
import { matricesOf, type MatmulShape } from "./shapes.ts";

// Factors of a product, and what it must be by float64.

export interface Factors {
  readonly a: Float32Array;
  readonly b: Float32Array;
}

const seed = 1;
/** Drawn once and repeated: a prime, so that no row or matrix of a power of two meets its own values again. */
const period = 65_521;

function noise(length: number, first: number): Float32Array {
  const drawn = Float32Array.from({ length: Math.min(length, period) }, (_, at) => {
    return 2 * uniformAt(seed, streams.noise, first + at) - 1;
  });
  const values = new Float32Array(length);
  for (let at = 0; at < length; at += period) values.set(drawn.subarray(0, length - at), at);
  return values;
}

/** Uniform in (−1, 1), the same on every machine. */
export function factorsOf(shape: MatmulShape): Factors {
  const { m, n, k } = shape;
  const matrices = matricesOf(shape);
  return { a: noise(matrices * m * k, 0), b: noise(matrices * k * n, period) };
}

/** Products that float64 computes in about a second. */
const affordableProducts = 2.5e8;
const sampledEntries = 200;

/** Some entries of a product, exact but for the rounding of float64. */
export interface Truth {
  /** Places in out. */
  readonly entries: Uint32Array;
  readonly isSample: boolean;
  readonly sums: Float64Array;
  /** Sums of the magnitudes of products. */
  readonly magnitudes: Float64Array;
}

/** All of them, or the first, the last and some between where all would take too long. */
function entriesOf(values: number, k: number): Pick<Truth, "entries" | "isSample"> {
  const isSample = values > sampledEntries && values * k > affordableProducts;
  if (!isSample) return { isSample, entries: Uint32Array.from({ length: values }, (_, at) => at) };
  const drawn = Array.from({ length: sampledEntries - 2 }, (_, at) => {
    return Math.floor(values * uniformAt(seed, streams.sampling, at));
  });
  return { isSample, entries: Uint32Array.from([0, ...drawn, values - 1]) };
}

export function truthOf(shape: MatmulShape, { a, b }: Factors): Truth {
  const { m, n, k, transposeA, transposeB } = shape;
  const found = entriesOf(matricesOf(shape) * m * n, k);
  const { length } = found.entries;
  const [sums, magnitudes] = [new Float64Array(length), new Float64Array(length)];
  const [stepA, rowA] = transposeA ? [m, 1] : [1, k];
  const [stepB, columnB] = transposeB ? [1, k] : [n, 1];
  for (const [at, entry] of found.entries.entries()) {
    const matrix = Math.floor(entry / (m * n));
    let atA = matrix * m * k + Math.floor((entry % (m * n)) / n) * rowA;
    let atB = matrix * k * n + (entry % n) * columnB;
    let [sum, magnitude] = [0, 0];
    for (let step = 0; step < k; step++) {
      const product = a[atA]! * b[atB]!;
      sum += product;
      magnitude += Math.abs(product);
      atA += stepA;
      atB += stepB;
    }
    sums[at] = sum;
    magnitudes[at] = magnitude;
  }
  return { ...found, sums, magnitudes };
}

/** How far a product is from the truth. */
export interface ProductCheck {
  /** Entries held against float64. */
  readonly entries: number;
  readonly isSample: boolean;
  /** Values of all of out that are not finite: those were not written, or come from what is not there. */
  readonly notFinite: number;
  /** Largest error in units of 2⁻²⁴ Σ|a||b|, of entries that are finite; and what the library promises of a sum. */
  readonly deviation: number;
  readonly bound: number;
}

/**
 * Sums of 16 to 64 products, added one by one in float32, pass the bound in one case of a million or so, and a point has up to four
 * million: what is beyond this is no chance, and what computes something else is off by thousands.
 */
const leastFault = 8;

/** What the library promises of its sums: in units of 2⁻²⁴ Σ|a||b|. */
const boundOf = ({ k }: Pick<MatmulShape, "k">): number => Math.max(4, k / 10);

export function checkProduct(out: Float32Array, { k }: Pick<MatmulShape, "k">, truth: Truth): ProductCheck {
  const { entries, isSample, sums, magnitudes } = truth;
  let deviation = 0;
  for (const [at, entry] of entries.entries()) {
    const units = Math.abs(out[entry]! - sums[at]!) / (2 ** -24 * magnitudes[at]!);
    if (units > deviation && Number.isFinite(units)) deviation = units;
  }
  const notFinite = out.reduce((count, value) => count + (Number.isFinite(value) ? 0 : 1), 0);
  return { entries: entries.length, isSample, notFinite, deviation, bound: boundOf({ k }) };
}

/** What is wrong with a product; undefined where nothing is. */
export function faultOf({ notFinite, deviation, bound, entries }: ProductCheck): string | undefined {
  if (notFinite > 0) return `${notFinite.toLocaleString("en-US")} of its values are not finite`;
  if (deviation <= Math.max(leastFault, bound)) return undefined;
  const found = `${deviation.toPrecision(3)} · 2⁻²⁴ Σ|a||b|, bound ${bound.toPrecision(3)}`;
  return `differs from float64 by ${found}, in ${entries.toLocaleString("en-US")} entries looked at`;
}
