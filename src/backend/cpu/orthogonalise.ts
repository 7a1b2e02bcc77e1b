import { type Coefficients, gramSide, leastNorm, type Matrix } from "../../math/orthogonal.ts";
import { matmul } from "./matmul.ts";

/** What an iteration computes on its way; of the size of a matrix at least. */
interface Scratch {
  readonly gram: Float64Array;
  readonly factor: Float64Array;
  readonly product: Float64Array;
}

const scratches = new WeakMap<Float64Array, Scratch>();

/** Scratch of the values that a training makes orthogonal in each step. */
function scratchOf(values: Float64Array): Scratch {
  const known = scratches.get(values);
  if (known) return known;
  const [gram, factor, product] = Array.from({ length: 3 }, () => new Float64Array(values.length));
  const scratch = { gram: gram!, factor: factor!, product: product! };
  scratches.set(values, scratch);
  return scratch;
}

function normalise(values: Float64Array): void {
  const norm = Math.max(leastNorm, Math.sqrt(values.reduce((sum, value) => sum + value * value, 0)));
  for (let at = 0; at < values.length; at++) values[at]! /= norm;
}

/** One matrix of a product: the whole array. */
const whole = (values: Float64Array, leading: number) => ({ values, offset: 0, leading, batchStrides: [] });

/**
 * Makes a matrix of an array orthogonal by Newton's and Schulz's iteration. CPU reference of shaders/orthogonalise.wgsl.
 * @param values [parameterCount] of one member; the matrix in it is replaced
 */
export function orthogonalise(values: Float64Array, matrix: Matrix, iterations: readonly Coefficients[]): void {
  const { offset, fanIn, fanOut } = matrix;
  const side = gramSide(matrix);
  const own = values.subarray(offset, offset + fanIn * fanOut);
  const scratch = scratchOf(values);
  const [gram, factor] = [scratch.gram.subarray(0, side * side), scratch.factor.subarray(0, side * side)];
  const product = scratch.product.subarray(0, own.length);
  const isWide = fanIn <= fanOut; // X is the matrix, else its transpose
  normalise(own);
  for (const { a, b, c } of iterations) {
    const x = whole(own, fanOut);
    const inner = isWide ? fanOut : fanIn;
    const square = { batch: [], m: side, n: side };
    matmul({ ...square, a: x, b: x, out: gram, k: inner, transposeA: !isWide, transposeB: isWide });
    const [g, f] = [whole(gram, side), whole(factor, side)];
    matmul({ ...square, a: g, b: g, out: factor, k: side, transposeA: false, transposeB: false });
    for (let at = 0; at < factor.length; at++) factor[at] = b * gram[at]! + c * factor[at]!;
    for (let at = 0; at < factor.length; at += side + 1) factor[at]! += a;
    const sides = isWide ? { a: f, b: x } : { a: x, b: f };
    const sizes = { batch: [], m: fanIn, n: fanOut, k: side };
    matmul({ ...sizes, ...sides, out: product, transposeA: false, transposeB: false });
    own.set(product);
  }
}
