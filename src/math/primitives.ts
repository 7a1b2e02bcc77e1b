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
import { exact, exponentialUnits, expm1Bound, heldUnits, powerBound, rounded, units } from "./errorBounds.ts";
import type { Preparation, Primitive } from "./primitive.ts";
import { normalDensityOf, normalDistributionOf, sigmoidOf, softplusOf } from "./specialFunctions.ts";

/** The same angle in [−π, π], for angles that are large. */
const boundedAngle: Preparation = { wgsl: "boundedAngle", from: 16_384 };

/** The gradient of the larger (or smaller) operand; both take half of it where they are equal. */
function shareOfWinner(gradient: Expression, winner: Expression, loser: Expression): Expression {
  return where(loser.less(winner), gradient, where(loser.equals(winner), gradient.times(0.5), 0));
}

const onnxComparison = { whereLess: "Less", whereLessOrEqual: "LessOrEqual", whereEqual: "Equal" } as const;

const selected = (condition: "whereLess" | "whereLessOrEqual" | "whereEqual", relation: string): Primitive => ({
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
    compute: (a, b) => a! + b!,
    wgsl: infix("+"),
    takesVectors: true,
    backward: (gradient) => [gradient, gradient],
    bound: rounded,
    onnx: "Add",
  },
  subtract: {
    compute: (a, b) => a! - b!,
    wgsl: infix("-"),
    takesVectors: true,
    backward: (gradient) => [gradient, gradient.negated()],
    bound: rounded,
    onnx: "Sub",
  },
  multiply: {
    compute: (a, b) => a! * b!,
    wgsl: infix("*"),
    takesVectors: true,
    backward: (gradient, [a, b]) => [gradient.times(b!), gradient.times(a!)],
    bound: rounded,
    onnx: "Mul",
  },
  divide: {
    compute: (a, b) => a! / b!,
    wgsl: infix("/"),
    takesVectors: true,
    backward: (gradient, [, b], self) => [gradient.over(b!), gradient.times(self).over(b!).negated()],
    bound: units(2.5),
    onnx: "Div",
  },
  negate: {
    compute: (a) => -a!,
    wgsl: negative,
    takesVectors: true,
    backward: (gradient) => [gradient.negated()],
    bound: exact,
    onnx: "Neg",
  },
  minimum: {
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
    compute: Math.max,
    wgsl: call("max"),
    takesVectors: true,
    backward: (gradient, [a, b]) => [shareOfWinner(gradient, a!, b!), shareOfWinner(gradient, b!, a!)],
    bound: exact,
    onnx: "Max",
    notation: { text: "max", tex: "\\max" },
  },
  absolute: {
    compute: Math.abs,
    wgsl: call("abs"),
    takesVectors: true,
    backward: (gradient, [x]) => [where(x!.greater(0), gradient, where(x!.less(0), gradient.negated(), 0))],
    bound: exact,
    onnx: "Abs",
    notation: { text: "", tex: "" },
  },
  sign: {
    compute: Math.sign,
    wgsl: call("sign"),
    takesVectors: true,
    backward: () => [undefined],
    bound: exact,
    onnx: "Sign",
    notation: { text: "sgn", tex: "\\operatorname{sgn}" },
  },
  sqrt: {
    compute: Math.sqrt,
    wgsl: call("sqrt"),
    takesVectors: true,
    backward: (gradient, _, self) => [gradient.over(self.times(2))],
    bound: units(3),
    onnx: "Sqrt",
  },
  reciprocal: {
    compute: (x) => 1 / x!,
    wgsl: (x) => `(1.0 / ${x})`,
    takesVectors: true,
    backward: (gradient, _, self) => [gradient.times(self).times(self).negated()],
    bound: units(2.5),
    onnx: "Reciprocal",
  },
  power: {
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
    compute: Math.exp,
    wgsl: call("exponential"),
    takesVectors: false,
    backward: (gradient, _, self) => [gradient.times(self)],
    bound: exponentialUnits(0),
    onnx: "Exp",
  },
  expm1: {
    compute: Math.expm1,
    wgsl: call("exponentialMinusOne"),
    takesVectors: false,
    backward: (gradient, _, self) => [gradient.times(self.plus(1))],
    bound: expm1Bound,
    onnx: (emit, x) => emit("Sub", emit("Exp", x!), 1),
  },
  log: {
    compute: Math.log,
    wgsl: call("naturalLogarithm"),
    takesVectors: false,
    backward: (gradient, [x]) => [gradient.over(x!)],
    bound: units(3, 2 ** -21),
    onnx: "Log",
    notation: { text: "ln", tex: "\\ln" },
  },
  sin: {
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
    compute: Math.tanh,
    wgsl: call("hyperbolicTangent"),
    takesVectors: false,
    backward: (gradient, [x]) => [
      gradient.times(
        sigmoid(x!.times(2))
          .times(sigmoid(x!.times(-2)))
          .times(4),
      ),
    ],
    backwardByResult: (gradient, self) => gradient.times(self.negated().plus(1).times(self.plus(1))),
    bound: units(7),
    onnx: "Tanh",
    notation: { text: "tanh", tex: "\\tanh" },
  },
  sigmoid: {
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
    compute: softplusOf,
    wgsl: call("softplus"),
    takesVectors: false,
    backward: (gradient, [x]) => [gradient.times(sigmoid(x!))],
    bound: heldUnits(7),
    onnx: "Softplus",
  },
  normalDistribution: {
    compute: normalDistributionOf,
    wgsl: call("normalDistribution"),
    takesVectors: false,
    backward: (gradient, [x]) => [gradient.times(normalDensity(x!))],
    bound: (result, x) => exponentialUnits(7)(result, 0.5 * x! * x!),
    onnx: (emit, x) => emit("Mul", emit("Add", emit("Erf", emit("Div", x!, Math.SQRT2)), 1), 0.5),
    notation: { text: "Φ", tex: "\\Phi" },
  },
  normalDensity: {
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
