import { f32x4, i32x4 } from "./instructions.ts";
import type { Floats, VectorCode } from "./vectorCode.ts";

// Exponentials of vectors, and functions made of them: the forms of shaders/scalar.wgsl, without branches. NaN stays NaN.

/** (e^r − 1 − r) / r² in |r| ≤ ½ ln 2: e^r − 1 to 1.3e-8 relative (least squares, reweighted to the least maximum). */
const [c0, c1, c2, c3, c4] = [0.49999997, 0.166665435, 0.0416672006, 0.00836654752, 0.00138825143] as const;

/** A sum with it is a whole number, and stands with the bias of exponents in the low bits of the significand: shifted, it is 2ⁿ. */
const roundAndBias = 1.5 * 2 ** 23 + 127;

/** Least argument of `scaled`; 2ⁿ is 0 below −87.7. */
const leastArgument = -88;

interface Scaled {
  /** (e^r − 1) · sign, |r| ≤ ½ ln 2. */
  readonly minusOne: Floats;
  /** 2ⁿ. */
  readonly power: Floats;
}

/**
 * e^(sign · x) as 2ⁿ · e^r. Taking n · ln 2 off rounds to ½|x| units in the last place of it. Few operations depend on each other:
 * networks wait for them. @param x may be used often; sign · x is in [−88, 88.3]
 */
function scaled(code: VectorCode, x: Floats, sign: 1 | -1 = 1): Scaled {
  const along = (...operands: Parameters<VectorCode["madd"]>): Floats =>
    sign > 0 ? code.madd(...operands) : code.nmadd(...operands);
  const against = (...operands: Parameters<VectorCode["madd"]>): Floats =>
    sign > 0 ? code.nmadd(...operands) : code.madd(...operands);
  const biased = code.let(along(x, Math.LOG2E, roundAndBias));
  const r = code.let(against(f32x4.sub(biased, roundAndBias), Math.LN2, x)); // sign · r
  const square = code.let(f32x4.mul(r, r));
  const upper = code.madd(square, c4, along(r, c3, c2));
  const minusOne = code.let(along(square, code.madd(square, upper, along(r, c1, c0)), r));
  const power = code.let(f32x4.reinterpret(i32x4.shl(i32x4.reinterpret(biased), 23)));
  return { minusOne, power };
}

/** e^x, 0 below −87.7. @param x at most 88.3 */
export function boundedExponential(code: VectorCode, x: Floats): Floats {
  const { minusOne, power } = scaled(code, code.let(code.atLeast(x, leastArgument)));
  return code.madd(power, minusOne, power);
}

/** e^x as the square of e^(x/2), so that neither end needs a case of its own. */
export function exponential(code: VectorCode, x: Floats): Floats {
  const half = code.let(code.atMost(f32x4.mul(x, 0.5), 45));
  const root = code.let(boundedExponential(code, half));
  return f32x4.mul(root, root);
}

/** e^x − 1 for x ≤ 88.3. Nothing cancels: 2ⁿ − 1 is exact where it is small. */
function minusOneBelow(code: VectorCode, x: Floats): Floats {
  const { minusOne, power } = scaled(code, code.let(code.atLeast(x, leastArgument)));
  return code.madd(power, minusOne, f32x4.sub(power, 1));
}

/** e^x − 1, with the sign of a zero. */
export function exponentialMinusOne(code: VectorCode, operand: Floats): Floats {
  const x = code.let(operand);
  const below = minusOneBelow(code, code.let(code.atMost(x, 88)));
  const value = code.withSignOf(below, x);
  return f32x4.bitselect(exponential(code, x), value, f32x4.gt(x, 64));
}

/** (1 − e^−2|z|) / (1 + e^−2|z|), with z's sign; the exponential less 1, so that nothing cancels near 0. */
export function hyperbolicTangent(code: VectorCode, operand: Floats): Floats {
  const z = code.let(operand);
  const less = code.let(minusOneBelow(code, code.let(f32x4.mul(f32x4.abs(z), -2))));
  return code.withSignOf(f32x4.abs(f32x4.div(less, f32x4.add(less, 2))), z);
}

/** 1 / (1 + e^−x), held at 2⁻¹²⁶ for finite x, so that a logarithm of it stays finite; 0 of −∞. */
export function sigmoid(code: VectorCode, operand: Floats): Floats {
  const x = code.let(operand);
  const bounded = code.atLeast(code.atMost(x, -leastArgument), -87.33654);
  const { minusOne, power } = scaled(code, code.let(bounded), -1);
  const value = f32x4.div(1, code.nmadd(power, minusOne, f32x4.add(power, 1)));
  return code.clear(value, f32x4.eq(x, Number.NEGATIVE_INFINITY));
}

/** log(1 + e^x) = max(x, 0) + log(1 + e^−|x|); the latter is 2 artanh(e / (2 + e)), a polynomial to 4e-9 of the doubled quotient. */
export function softplus(code: VectorCode, operand: Floats): Floats {
  const x = code.let(operand);
  const e = code.let(boundedExponential(code, code.atLeast(code.negativeSize(x), -87.33654)));
  const q = code.let(f32x4.div(f32x4.mul(e, 2), f32x4.add(e, 2)));
  const s = code.let(f32x4.mul(q, q));
  const series = code.polynomial(s, [1, 8.333290205e-2, 1.250768601e-2, 2.184777949e-3, 5.499566086e-4]);
  return code.madd(q, series, code.atLeast(x, 0));
}

/** Density of the standard normal. */
export function normalDensity(code: VectorCode, operand: Floats): Floats {
  const x = code.let(operand);
  return f32x4.mul(boundedExponential(code, f32x4.mul(f32x4.mul(x, x), -0.5)), 0.3989422804);
}

/** From the constant term on: (1 + 2t) · exp(t²) · erfc(t) by (t − 2) / (t + 2), as in shaders/scalar.wgsl. */
const erfcSeries = [
  1.27697838, -9.27639492e-2, -1.6603042e-1, 1.64054921e-1, -5.42142665e-2, -8.06082511e-3, 8.66425515e-3,
  1.32779028e-3, -1.26411949e-3, -4.24122529e-4,
] as const; // prettier-ignore

/** Distribution function of the standard normal, ½ erfc(−x/√2), without cancellation in either tail. */
export function normalDistribution(code: VectorCode, operand: Floats): Floats {
  const x = code.let(operand);
  const a = code.let(code.atMost(f32x4.abs(x), 14.2)); // beyond it the value is below the smallest f32
  const t = code.let(f32x4.mul(a, Math.SQRT1_2));
  const q = code.let(f32x4.div(f32x4.sub(t, 2), f32x4.add(t, 2)));
  const density = boundedExponential(code, f32x4.mul(f32x4.mul(a, a), -0.5));
  const share = f32x4.div(code.polynomial(q, erfcSeries), code.madd(t, 2, 1));
  const tail = code.let(f32x4.mul(f32x4.mul(density, 0.5), share));
  return f32x4.bitselect(f32x4.sub(1, tail), tail, f32x4.gt(x, 0));
}
