import { call } from "./body.ts";
import { exponential } from "./exponentials.ts";
import { f32x4, i32x4 } from "./instructions.ts";
import { constant } from "./value.ts";
import type { Floats, VectorCode } from "./vectorCode.ts";

/** ln 2 in two parts: products of the first with whole numbers below 2¹⁵ are exact. */
const ln2High = 0.693359375;
const ln2Low = -2.1219444005469057e-4;

/** Bits of √½. */
const rootHalfBits = 0x3f3504f3;

/** (log(m) − 2s) / s³ by s² for s = (m − 1) / (m + 1), |s| ≤ 0.172: log(m) to 8e-10 relative (least squares, reweighted). */
const series = [0.666667759, 0.399774194, 0.298752904] as const;

/** log(m) of m in [√½, √2). */
function logarithmNearOne(code: VectorCode, m: Floats): Floats {
  const s = code.let(f32x4.div(f32x4.sub(m, 1), f32x4.add(m, 1)));
  const square = code.let(f32x4.mul(s, s));
  return code.madd(f32x4.mul(s, square), code.polynomial(square, series), f32x4.add(s, s));
}

/** Natural logarithm: −∞ of 0, NaN of negative numbers; of numbers below 2⁻¹²⁶ too. */
export function naturalLogarithm(code: VectorCode, operand: Floats): Floats {
  const x = code.let(operand);
  const isSmall = code.let(f32x4.lt(x, 2 ** -126));
  const bits = code.let(i32x4.reinterpret(f32x4.bitselect(f32x4.mul(x, 2 ** 23), x, isSmall)));
  const twos = code.let(i32x4.shrS(i32x4.sub(bits, rootHalfBits), 23));
  const m = code.let(f32x4.reinterpret(i32x4.sub(bits, i32x4.shl(twos, 23))));
  const n = code.let(f32x4.sub(f32x4.convertI32x4S(twos), code.keep(23, isSmall)));
  const value = code.madd(n, ln2High, code.madd(n, ln2Low, logarithmNearOne(code, m)));
  const special = f32x4.bitselect(Number.NEGATIVE_INFINITY, f32x4.sqrt(x), f32x4.eq(x, 0));
  return f32x4.bitselect(value, special, i32x4.and(f32x4.gt(x, 0), f32x4.lt(x, Number.POSITIVE_INFINITY)));
}

/** Exponents of this size and less are taken by squaring where they are whole: a logarithm would lose digits. */
const mostSquared = 64;

/** x to a whole exponent that is known. */
function powerByKnown(code: VectorCode, x: Floats, exponent: number): Floats {
  let square = x;
  let result: Floats | undefined;
  for (let rest = Math.abs(exponent); rest > 0; rest >>= 1) {
    if (rest & 1) result = result ? code.let(f32x4.mul(result, square)) : square;
    if (rest > 1) square = code.let(f32x4.mul(square, square));
  }
  const value = result ?? constant("f32x4", 1);
  return exponent < 0 ? f32x4.div(1, value) : value;
}

/** x to exponents that are whole and at most 64 in size: a step for each of their bits. */
function powerBySquaring(code: VectorCode, x: Floats, exponent: Floats): Floats {
  const bits = code.let(i32x4.truncSatF32x4S(f32x4.abs(exponent)));
  let result: Floats = constant("f32x4", 1);
  let square = x;
  for (let bit = 0; bit < 7; bit++) {
    const isSet = i32x4.shrS(i32x4.shl(bits, 31 - bit), 31);
    result = code.let(f32x4.bitselect(f32x4.mul(result, square), result, isSet));
    square = code.let(f32x4.mul(square, square));
  }
  return f32x4.bitselect(f32x4.div(1, result), result, f32x4.lt(exponent, 0));
}

/** |x|^exponent by the logarithm, with the sign of an odd exponent; NaN of negative numbers where the exponent is not whole. */
function powerByLogarithm(code: VectorCode, x: Floats, exponent: Floats): Floats {
  const logarithm = naturalLogarithm(code, f32x4.abs(x));
  const size = exponential(code, code.let(f32x4.mul(logarithm, exponent)));
  const half = code.let(f32x4.mul(exponent, 0.5));
  const isWhole = code.let(f32x4.eq(f32x4.floor(exponent), exponent));
  const isOdd = i32x4.and(isWhole, f32x4.ne(f32x4.floor(half), half));
  const isFiniteNegative = i32x4.and(f32x4.lt(x, 0), f32x4.gt(x, Number.NEGATIVE_INFINITY));
  const isRoot = i32x4.andnot(isFiniteNegative, isWhole);
  return f32x4.bitselect(Number.NaN, code.withSignOf(size, code.keep(x, isOdd)), isRoot);
}

function anyPower(code: VectorCode, x: Floats, exponent: Floats): Floats {
  const isWhole = f32x4.eq(f32x4.floor(exponent), exponent);
  const isSquared = i32x4.and(isWhole, f32x4.le(f32x4.abs(exponent), mostSquared));
  return f32x4.bitselect(powerBySquaring(code, x, exponent), powerByLogarithm(code, x, exponent), isSquared);
}

/** x^exponent. @param known the exponent, where it is the same in all lanes and known */
export function power(code: VectorCode, operand: Floats, exponent: Floats, known?: number): Floats {
  if (known !== undefined && Number.isInteger(known) && Math.abs(known) <= mostSquared)
    return powerByKnown(code, code.let(operand), known);
  return call(code.module.routine("power", 2, anyPower as never), operand, exponent);
}

/** log(1 + x) for 0 ≤ x ≤ 1: 2 artanh(x / (2 + x)), to 7e-10 relative. @param x may be used often */
function logOnePlusSmall(code: VectorCode, x: Floats): Floats {
  const s = code.let(f32x4.div(x, f32x4.add(x, 2)));
  const square = code.let(f32x4.mul(s, s));
  const series = code.polynomial(square, [0.33333334, 0.19999819, 0.14296982, 0.10847931, 0.11616232]);
  return f32x4.mul(code.madd(f32x4.mul(s, square), series, s), 2);
}

/** log(1 + x) for x ≥ 0, as in shaders/crossEntropy.wgsl: beyond 1 by the exponent of 1 + x and what is left of it. */
export function logOnePlus(code: VectorCode, operand: Floats): Floats {
  const x = code.let(operand);
  const bits = code.let(i32x4.reinterpret(f32x4.add(x, 1)));
  const left = f32x4.sub(f32x4.reinterpret(i32x4.or(i32x4.and(bits, 0x007fffff), 0x3f800000)), 1);
  const small = code.let(f32x4.bitselect(x, left, f32x4.lt(x, 1)));
  const twos = f32x4.convertI32x4S(i32x4.sub(i32x4.shrU(bits, 23), 127));
  const value = code.madd(twos, Math.LN2, logOnePlusSmall(code, small));
  return f32x4.bitselect(value, x, f32x4.lt(x, Number.POSITIVE_INFINITY));
}
