import type { PrimitiveName } from "../../math/expression.ts";
import { cosine, sine } from "./angles.ts";
import {
  exponential,
  exponentialMinusOne,
  hyperbolicTangent,
  normalDensity,
  normalDistribution,
  sigmoid,
  softplus,
} from "./exponentials.ts";
import { f32x4, i32x4 } from "./instructions.ts";
import { naturalLogarithm } from "./logarithms.ts";
import type { Floats, Mask, VectorCode } from "./vectorCode.ts";

/** Primitives that compare two operands and choose between two others. */
export type ChoiceName = "whereLess" | "whereLessOrEqual" | "whereEqual";

/** Where a choice takes the first. */
export const comparisons: Readonly<Record<ChoiceName, (left: Floats, right: Floats) => Mask>> = {
  whereLess: f32x4.lt,
  whereLessOrEqual: f32x4.le,
  whereEqual: f32x4.eq,
};

/** −1, 0 or 1; zeros and NaN stay. */
function signOf(code: VectorCode, operand: Floats): Floats {
  const x = code.let(operand);
  return f32x4.bitselect(code.withSignOf(1, x), x, i32x4.or(f32x4.lt(x, 0), f32x4.gt(x, 0)));
}

type PrimitiveCode = (code: VectorCode, ...operands: Floats[]) => Floats;

/**
 * Every other primitive on four values, within the bound that the table of primitives states: minima and maxima, zeros, infinities and
 * NaN as in float64. Exponents that are known are passed to `power` (emitExpression.ts).
 */
export const primitiveCode: Readonly<Record<Exclude<PrimitiveName, ChoiceName | "power">, PrimitiveCode>> = {
  add: (_, a, b) => f32x4.add(a!, b!),
  subtract: (_, a, b) => f32x4.sub(a!, b!),
  multiply: (_, a, b) => f32x4.mul(a!, b!),
  divide: (_, a, b) => f32x4.div(a!, b!),
  negate: (_, a) => f32x4.neg(a!),
  minimum: (_, a, b) => f32x4.min(a!, b!),
  maximum: (_, a, b) => f32x4.max(a!, b!),
  absolute: (_, a) => f32x4.abs(a!),
  sign: (code, a) => signOf(code, a!),
  sqrt: (_, a) => f32x4.sqrt(a!),
  reciprocal: (_, a) => f32x4.div(1, a!),
  exp: (code, a) => exponential(code, a!),
  expm1: (code, a) => exponentialMinusOne(code, a!),
  log: (code, a) => naturalLogarithm(code, a!),
  sin: (code, a) => sine(code, a!),
  cos: (code, a) => cosine(code, a!),
  tanh: (code, a) => hyperbolicTangent(code, a!),
  sigmoid: (code, a) => sigmoid(code, a!),
  softplus: (code, a) => softplus(code, a!),
  normalDistribution: (code, a) => normalDistribution(code, a!),
  normalDensity: (code, a) => normalDensity(code, a!),
};
