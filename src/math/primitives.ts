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
import {
  type ErrorBound,
  exact,
  exponentialUnits,
  expm1Bound,
  heldUnits,
  powerBound,
  rounded,
  units,
} from "./errorBounds.ts";
import { normalDensityOf, normalDistributionOf, sigmoidOf, softplusOf } from "./specialFunctions.ts";

/** A function of shaders/scalar.wgsl that brings an argument into the range of cheaper routines. */
export interface Preparation {
  readonly wgsl: string;
  /** Arguments whose size is below it are prepared as they are. */
  readonly from: number;
}

/** An operator of ONNX (set 13) by name, or an expression of them: `emit` gives the name of an operator's result. */
export type OnnxForm =
  string | ((emit: (operator: string, ...inputs: (string | number)[]) => string, ...operands: string[]) => string);

/** A row of the table of primitives: the only place that knows it. */
export interface Primitive {
  readonly arity: number;
  /** In float64. */
  readonly compute: (...operands: number[]) => number;
  /** WGSL of the result, from the operands' WGSL: an operator, a builtin, or a function of shaders/scalar.wgsl. */
  readonly wgsl: (...operands: string[]) => string;
  /** Whether that WGSL also takes vectors, component by component. */
  readonly takesVectors: boolean;
  /**
   * WGSL from an operand that is prepared, where preparing costs more than the function: kernels prepare an argument once for all
   * functions of it, and in one place for many arguments.
   */
  readonly prepared?: { readonly by: Preparation; readonly wgsl: (operand: string) => string };
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
  readonly onnx: OnnxForm;
  /** Name of the function in formulas; without one it is written by signs. MathML takes the text. */
  readonly notation?: { readonly text: string; readonly tex: string };
}

/** The same angle in [−π, π], for angles that are large. */
const boundedAngle: Preparation = { wgsl: "boundedAngle", from: 16_384 };

/** The gradient of the larger (or smaller) operand; both take half of it where they are equal. */
function shareOfWinner(gradient: Expression, winner: Expression, loser: Expression): Expression {
  return where(loser.less(winner), gradient, where(loser.equals(winner), gradient.times(0.5), 0));
}

const onnxComparison = { whereLess: "Less", whereLessOrEqual: "LessOrEqual", whereEqual: "Equal" } as const;

const selected = (condition: "whereLess" | "whereLessOrEqual" | "whereEqual", relation: string): Primitive => ({
  arity: 4,
  compute: (left, right, a, b) => {
    const holds =
      condition === "whereLess" ? left! < right! : condition === "whereEqual" ? left === right : left! <= right!;
    return holds ? a! : b!;
  },
  wgsl: (left, right, a, b) => `select(${bare(b!)}, ${bare(a!)}, ${left} ${relation} ${right})`,
  takesVectors: true,
  backward: (gradient, [left, right]) => [
    undefined,
    undefined,
    apply(condition, left!, right!, gradient, 0),
    apply(condition, left!, right!, 0, gradient),
  ],
  bound: exact,
  onnx: (emit, ...operands) =>
    emit("Where", emit(onnxComparison[condition], ...operands.slice(0, 2)), ...operands.slice(2)),
});

/** Every primitive. Bounds hold where neither operands nor result are below 2⁻¹²⁶ in size, which a GPU may flush to 0. */
export const primitives: Readonly<Record<PrimitiveName, Primitive>> = {
  add: {
    arity: 2,
    compute: (a, b) => a! + b!,
    wgsl: infix("+"),
    takesVectors: true,
    backward: (gradient) => [gradient, gradient],
    bound: rounded,
    onnx: "Add",
  },
  subtract: {
    arity: 2,
    compute: (a, b) => a! - b!,
    wgsl: infix("-"),
    takesVectors: true,
    backward: (gradient) => [gradient, gradient.negated()],
    bound: rounded,
    onnx: "Sub",
  },
  multiply: {
    arity: 2,
    compute: (a, b) => a! * b!,
    wgsl: infix("*"),
    takesVectors: true,
    backward: (gradient, [a, b]) => [gradient.times(b!), gradient.times(a!)],
    bound: rounded,
    onnx: "Mul",
  },
  divide: {
    arity: 2,
    compute: (a, b) => a! / b!,
    wgsl: infix("/"),
    takesVectors: true,
    backward: (gradient, [, b], self) => [gradient.over(b!), gradient.times(self).over(b!).negated()],
    bound: units(2.5),
    onnx: "Div",
  },
  negate: {
    arity: 1,
    compute: (a) => -a!,
    wgsl: negative,
    takesVectors: true,
    backward: (gradient) => [gradient.negated()],
    bound: exact,
    onnx: "Neg",
  },
  minimum: {
    arity: 2,
    compute: Math.min,
    wgsl: call("min"),
    takesVectors: true,
    backward: (gradient, [a, b]) => [
      shareOfWinner(gradient, a!.negated(), b!.negated()),
      shareOfWinner(gradient, b!.negated(), a!.negated()),
    ],
    bound: exact,
    onnx: "Min",
    notation: { text: "min", tex: "\\min" },
  },
  maximum: {
    arity: 2,
    compute: Math.max,
    wgsl: call("max"),
    takesVectors: true,
    backward: (gradient, [a, b]) => [shareOfWinner(gradient, a!, b!), shareOfWinner(gradient, b!, a!)],
    bound: exact,
    onnx: "Max",
    notation: { text: "max", tex: "\\max" },
  },
  absolute: {
    arity: 1,
    compute: Math.abs,
    wgsl: call("abs"),
    takesVectors: true,
    backward: (gradient, [x]) => [where(x!.greater(0), gradient, where(x!.less(0), gradient.negated(), 0))],
    bound: exact,
    onnx: "Abs",
    notation: { text: "", tex: "" },
  },
  sign: {
    arity: 1,
    compute: Math.sign,
    wgsl: call("sign"),
    takesVectors: true,
    backward: () => [undefined],
    bound: exact,
    onnx: "Sign",
    notation: { text: "sgn", tex: "\\operatorname{sgn}" },
  },
  sqrt: {
    arity: 1,
    compute: Math.sqrt,
    wgsl: call("sqrt"),
    takesVectors: true,
    backward: (gradient, _, self) => [gradient.over(self.times(2))],
    bound: units(3),
    onnx: "Sqrt",
  },
  reciprocal: {
    arity: 1,
    compute: (x) => 1 / x!,
    wgsl: (x) => `(1.0 / ${x})`,
    takesVectors: true,
    backward: (gradient, _, self) => [gradient.times(self).times(self).negated()],
    bound: units(2.5),
    onnx: "Reciprocal",
  },
  power: {
    arity: 2,
    compute: (x, exponent) => x! ** exponent!,
    wgsl: call("power"),
    takesVectors: false,
    backward: (gradient, [x, exponent], self) => [
      where(exponent!.equals(0), 0, gradient.times(exponent!).times(power(x!, exponent!.minus(1)))),
      exponent!.isConstant() ? undefined : where(x!.equals(0), 0, gradient.times(self).times(log(x!))),
    ],
    bound: powerBound,
    onnx: "Pow",
  },
  exp: {
    arity: 1,
    compute: Math.exp,
    wgsl: call("exponential"),
    takesVectors: false,
    backward: (gradient, _, self) => [gradient.times(self)],
    bound: exponentialUnits(0),
    onnx: "Exp",
  },
  expm1: {
    arity: 1,
    compute: Math.expm1,
    wgsl: call("exponentialMinusOne"),
    takesVectors: false,
    backward: (gradient, _, self) => [gradient.times(self.plus(1))],
    bound: expm1Bound,
    onnx: (emit, x) => emit("Sub", emit("Exp", x!), 1),
  },
  log: {
    arity: 1,
    compute: Math.log,
    wgsl: call("naturalLogarithm"),
    takesVectors: false,
    backward: (gradient, [x]) => [gradient.over(x!)],
    bound: units(3, 2 ** -21),
    onnx: "Log",
    notation: { text: "ln", tex: "\\ln" },
  },
  sin: {
    arity: 1,
    compute: Math.sin,
    wgsl: call("sine"),
    takesVectors: false,
    prepared: { by: boundedAngle, wgsl: call("boundedSine") },
    backward: (gradient, [x]) => [gradient.times(cos(x!))],
    bound: (result, x) => (Math.abs(x!) < boundedAngle.from ? units(2.5)(result) : 3e-7),
    onnx: "Sin",
    notation: { text: "sin", tex: "\\sin" },
  },
  cos: {
    arity: 1,
    compute: Math.cos,
    wgsl: call("cosine"),
    takesVectors: false,
    prepared: { by: boundedAngle, wgsl: call("boundedSineSlope") },
    backward: (gradient, [x]) => [gradient.times(sin(x!)).negated()],
    bound: (result, x) => (Math.abs(x!) < boundedAngle.from ? units(2.5)(result) : 3e-7),
    onnx: "Cos",
    notation: { text: "cos", tex: "\\cos" },
  },
  tanh: {
    arity: 1,
    compute: Math.tanh,
    wgsl: call("hyperbolicTangent"),
    takesVectors: false,
    backward: (gradient, _, self) => [gradient.times(self.negated().plus(1).times(self.plus(1)))],
    bound: units(7),
    onnx: "Tanh",
    notation: { text: "tanh", tex: "\\tanh" },
  },
  sigmoid: {
    arity: 1,
    compute: sigmoidOf,
    wgsl: call("sigmoid"),
    takesVectors: false,
    backward: (gradient, [x], self) => [gradient.times(self.times(sigmoid(x!.negated())))],
    backwardByResult: (gradient, self) => gradient.times(self.times(self.negated().plus(1))),
    bound: heldUnits(5),
    onnx: "Sigmoid",
    notation: { text: "σ", tex: "\\sigma" },
  },
  softplus: {
    arity: 1,
    compute: softplusOf,
    wgsl: call("softplus"),
    takesVectors: false,
    backward: (gradient, [x]) => [gradient.times(sigmoid(x!))],
    bound: heldUnits(7),
    onnx: "Softplus",
  },
  normalDistribution: {
    arity: 1,
    compute: normalDistributionOf,
    wgsl: call("normalDistribution"),
    takesVectors: false,
    backward: (gradient, [x]) => [gradient.times(normalDensity(x!))],
    bound: (result, x) => exponentialUnits(7)(result, 0.5 * x! * x!),
    onnx: (emit, x) => emit("Mul", emit("Add", emit("Erf", emit("Div", x!, Math.SQRT2)), 1), 0.5),
    notation: { text: "Φ", tex: "\\Phi" },
  },
  normalDensity: {
    arity: 1,
    compute: normalDensityOf,
    wgsl: call("normalDensity"),
    takesVectors: false,
    backward: (gradient, [x], self) => [gradient.times(self).times(x!).negated()],
    bound: (result, x) => exponentialUnits(3)(result, 0.5 * x! * x!),
    onnx: (emit, x) => emit("Mul", emit("Exp", emit("Mul", emit("Mul", x!, x!), -0.5)), 1 / Math.sqrt(2 * Math.PI)),
    notation: { text: "φ", tex: "\\varphi" },
  },
  whereLess: selected("whereLess", "<"),
  whereLessOrEqual: selected("whereLessOrEqual", "<="),
  whereEqual: selected("whereEqual", "=="),
};
