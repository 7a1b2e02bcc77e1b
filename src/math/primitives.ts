import {
  apply,
  cos,
  type Expression,
  log,
  normalDensity,
  power,
  type PrimitiveName,
  sigmoid,
  sin,
  where,
} from "./expression.ts";
import { bare, call, infix, negative } from "./wgslText.ts";
import { normalDensityOf, normalDistributionOf, sigmoidOf, softplusOf } from "./specialFunctions.ts";

/** What the result of a primitive may be off by in f32: units in the last place of the result, plus an absolute part. */
export interface ErrorBound {
  readonly ulp: number;
  readonly absolute?: number;
}

/** A row of the table of primitives: the only place that knows it. */
export interface Primitive {
  readonly arity: number;
  /** In float64. */
  readonly compute: (...operands: number[]) => number;
  /** WGSL of the result, from the operands' WGSL: an operator, a builtin, or a function of shaders/scalar.wgsl. */
  readonly wgsl: (...operands: string[]) => string;
  /**
   * The gradient by each operand, from the gradient by the result; undefined where it is 0 everywhere. `self` is the result.
   * One that is 0 in places selects: a product with 0 would be NaN where another factor is infinite.
   */
  readonly backward: (
    gradient: Expression,
    operands: readonly Expression[],
    self: Expression,
  ) => readonly (Expression | undefined)[];
  /** The same of one operand from the result alone, where that loses digits: for functions of which nothing else is saved. */
  readonly backwardByResult?: (gradient: Expression, self: Expression) => Expression;
  readonly bound: ErrorBound;
}

const exact: ErrorBound = { ulp: 0.5 };

/** The gradient of the larger (or smaller) operand; both take half of it where they are equal. */
function shareOfWinner(gradient: Expression, winner: Expression, loser: Expression): Expression {
  return where(loser.less(winner), gradient, where(loser.equals(winner), gradient.times(0.5), 0));
}

const selected = (condition: "whereLess" | "whereLessOrEqual" | "whereEqual", relation: string): Primitive => ({
  arity: 4,
  compute: (left, right, a, b) => {
    const holds =
      condition === "whereLess" ? left! < right! : condition === "whereEqual" ? left === right : left! <= right!;
    return holds ? a! : b!;
  },
  wgsl: (left, right, a, b) => `select(${bare(b!)}, ${bare(a!)}, ${left} ${relation} ${right})`,
  backward: (gradient, [left, right]) => [
    undefined,
    undefined,
    apply(condition, left!, right!, gradient, 0),
    apply(condition, left!, right!, 0, gradient),
  ],
  bound: { ulp: 0 },
});

/** Every primitive. Bounds hold where neither operands nor result are below 2⁻¹²⁶ in size, which a GPU may flush to 0. */
export const primitives: Readonly<Record<PrimitiveName, Primitive>> = {
  add: {
    arity: 2,
    compute: (a, b) => a! + b!,
    wgsl: infix("+"),
    backward: (gradient) => [gradient, gradient],
    bound: exact,
  },
  subtract: {
    arity: 2,
    compute: (a, b) => a! - b!,
    wgsl: infix("-"),
    backward: (gradient) => [gradient, gradient.negated()],
    bound: exact,
  },
  multiply: {
    arity: 2,
    compute: (a, b) => a! * b!,
    wgsl: infix("*"),
    backward: (gradient, [a, b]) => [gradient.times(b!), gradient.times(a!)],
    bound: exact,
  },
  divide: {
    arity: 2,
    compute: (a, b) => a! / b!,
    wgsl: infix("/"),
    backward: (gradient, [, b], self) => [gradient.over(b!), gradient.times(self).over(b!).negated()],
    bound: { ulp: 2.5 },
  },
  negate: {
    arity: 1,
    compute: (a) => -a!,
    wgsl: negative,
    backward: (gradient) => [gradient.negated()],
    bound: { ulp: 0 },
  },
  minimum: {
    arity: 2,
    compute: Math.min,
    wgsl: call("min"),
    backward: (gradient, [a, b]) => [
      shareOfWinner(gradient, a!.negated(), b!.negated()),
      shareOfWinner(gradient, b!.negated(), a!.negated()),
    ],
    bound: { ulp: 0 },
  },
  maximum: {
    arity: 2,
    compute: Math.max,
    wgsl: call("max"),
    backward: (gradient, [a, b]) => [shareOfWinner(gradient, a!, b!), shareOfWinner(gradient, b!, a!)],
    bound: { ulp: 0 },
  },
  absolute: {
    arity: 1,
    compute: Math.abs,
    wgsl: call("abs"),
    backward: (gradient, [x]) => [where(x!.greater(0), gradient, where(x!.less(0), gradient.negated(), 0))],
    bound: { ulp: 0 },
  },
  sign: {
    arity: 1,
    compute: Math.sign,
    wgsl: call("sign"),
    backward: () => [undefined],
    bound: { ulp: 0 },
  },
  sqrt: {
    arity: 1,
    compute: Math.sqrt,
    wgsl: call("sqrt"),
    backward: (gradient, _, self) => [gradient.over(self.times(2))],
    bound: { ulp: 3 },
  },
  reciprocal: {
    arity: 1,
    compute: (x) => 1 / x!,
    wgsl: (x) => `(1.0 / ${x})`,
    backward: (gradient, _, self) => [gradient.times(self).times(self).negated()],
    bound: { ulp: 2.5 },
  },
  power: {
    arity: 2,
    compute: (x, exponent) => x! ** exponent!,
    wgsl: call("power"),
    backward: (gradient, [x, exponent], self) => [
      where(exponent!.equals(0), 0, gradient.times(exponent!).times(power(x!, exponent!.minus(1)))),
      exponent!.isConstant() ? undefined : where(x!.equals(0), 0, gradient.times(self).times(log(x!))),
    ],
    bound: { ulp: 18, absolute: 0 },
  },
  exp: {
    arity: 1,
    compute: Math.exp,
    wgsl: call("exponential"),
    backward: (gradient, _, self) => [gradient.times(self)],
    bound: { ulp: 3 + 2 * 88 },
  },
  expm1: {
    arity: 1,
    compute: Math.expm1,
    wgsl: call("exponentialMinusOne"),
    backward: (gradient, _, self) => [gradient.times(self.plus(1))],
    bound: { ulp: 6, absolute: 1e-7 },
  },
  log: {
    arity: 1,
    compute: Math.log,
    wgsl: call("naturalLogarithm"),
    backward: (gradient, [x]) => [gradient.over(x!)],
    bound: { ulp: 3, absolute: 2 ** -21 },
  },
  sin: {
    arity: 1,
    compute: Math.sin,
    wgsl: call("sine"),
    backward: (gradient, [x]) => [gradient.times(cos(x!))],
    bound: { ulp: 2, absolute: 1e-7 },
  },
  cos: {
    arity: 1,
    compute: Math.cos,
    wgsl: call("cosine"),
    backward: (gradient, [x]) => [gradient.times(sin(x!)).negated()],
    bound: { ulp: 2, absolute: 1e-7 },
  },
  tanh: {
    arity: 1,
    compute: Math.tanh,
    wgsl: call("hyperbolicTangent"),
    backward: (gradient, _, self) => [gradient.times(self.negated().plus(1).times(self.plus(1)))],
    bound: { ulp: 7, absolute: 1e-7 },
  },
  sigmoid: {
    arity: 1,
    compute: sigmoidOf,
    wgsl: call("sigmoid"),
    backward: (gradient, [x], self) => [gradient.times(self.times(sigmoid(x!.negated())))],
    backwardByResult: (gradient, self) => gradient.times(self.times(self.negated().plus(1))),
    bound: { ulp: 7, absolute: 1e-7 },
  },
  softplus: {
    arity: 1,
    compute: softplusOf,
    wgsl: call("softplus"),
    backward: (gradient, [x]) => [gradient.times(sigmoid(x!))],
    bound: { ulp: 7, absolute: 1e-7 },
  },
  normalDistribution: {
    arity: 1,
    compute: normalDistributionOf,
    wgsl: call("normalDistribution"),
    backward: (gradient, [x]) => [gradient.times(normalDensity(x!))],
    bound: { ulp: 7, absolute: 1e-7 },
  },
  normalDensity: {
    arity: 1,
    compute: normalDensityOf,
    wgsl: call("normalDensity"),
    backward: (gradient, [x], self) => [gradient.times(self).times(x!).negated()],
    bound: { ulp: 7, absolute: 1e-7 },
  },
  whereLess: selected("whereLess", "<"),
  whereLessOrEqual: selected("whereLessOrEqual", "<="),
  whereEqual: selected("whereEqual", "=="),
};
