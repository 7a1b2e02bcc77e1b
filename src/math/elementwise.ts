import { type Activation } from "./activations.ts";
import { activationFunction } from "./scalarFunction.ts";
import { backward } from "./differentiate.ts";
import { absolute, exp, Expression, log, maximum, minimum, power, sign, sqrt, where } from "./expression.ts";
import { type ElementLoss } from "./losses.ts";
import { lossFunction } from "./lossFunction.ts";
import { Simplifier } from "./simplify.ts";

// Operations of tensors value by value: expressions of x, or of x and y.

const [x, y, exponent] = [Expression.input("x"), Expression.input("y"), Expression.input("exponent")];
const one = Expression.constant(1);

const unaryOperations = {
  identity: x,
  negate: x.negated(),
  exp: exp(x),
  log: log(x),
  sqrt: sqrt(x),
  square: x.squared(),
  power: power(x, exponent),
  absolute: absolute(x),
  sign: sign(x),
} as const;

/** Operations of one value. */
export type UnaryName = keyof typeof unaryOperations | "activation" | "activationSlope";

/** Inputs of a unary operation; `exponent` is that of power. */
export const unaryInputs = ["x", "exponent"] as const;

/**
 * x times a derivative of an activation at the value y that forward saves: of order 1 its backward pass, of order 2 the slope of that by
 * y, and so on. It selects, so that what a branch leaves out does not come through.
 */
function slopeProduct(activation: Activation, order: number, simplifier: Simplifier): Expression {
  const saved = new Map([
    ["a", y],
    ["z", y],
  ]);
  let slope = activationFunction(activation).backward.substitute(saved);
  for (let at = 1; at < order; at++) {
    const ofOne = simplifier.simplify(slope.substitute(new Map([["d", one]])));
    slope = backward(simplifier, ofOne, Expression.input("d"), [y])[0] ?? Expression.constant(0);
  }
  return slope.substitute(new Map([["d", x]]));
}

function unaryOf(name: UnaryName, { activation }: Choice, simplifier: Simplifier): Expression {
  if (name === "activation") return activationFunction(activation).forward.substitute(new Map([["z", x]]));
  if (name !== "activationSlope") return unaryOperations[name];
  return slopeProduct(activation, 1, simplifier).substitute(
    new Map([
      ["x", one],
      ["y", x],
    ]),
  );
}

const binaryOperations = {
  add: x.plus(y),
  subtract: x.minus(y),
  multiply: x.times(y),
  divide: x.over(y),
  maximum: maximum(x, y),
  minimum: minimum(x, y),
  greater: where(x.greater(y), 1, 0),
  equal: where(x.equals(y), 1, 0),
  // These select: what is left out does not come through, not even as infinity times 0.
  share: where(y.equals(0), 0, x.times(y)),
  keepWhere: where(y.equals(0), 0, x),
  keepElsewhere: where(y.equals(0), x, 0),
} as const;

/** Operations of two values. */
export type BinaryName = keyof typeof binaryOperations | "slopeProduct" | "lossDerivative";

/** Inputs of a binary operation. */
export const binaryInputs = ["x", "y"] as const;

/** What a name leaves open. */
export interface Choice {
  readonly activation: Activation;
  /** Of "slopeProduct". */
  readonly order: number;
  /** Of "lossDerivative": of the output x and the target y. */
  readonly loss: ElementLoss;
  /** How often it is derived by the output, and by the target. */
  readonly derivative: readonly [byOutput: number, byTarget: number];
}

function lossDerivative({ loss, derivative }: Choice, simplifier: Simplifier): Expression {
  const inputs = new Map([
    ["y", x],
    ["t", y],
  ]);
  let expression = simplifier.simplify(lossFunction(loss).loss.substitute(inputs));
  for (const [index, by] of [x, y].entries()) {
    for (let count = 0; count < derivative[index]!; count++)
      expression = backward(simplifier, expression, one, [by])[0] ?? Expression.constant(0);
  }
  return expression;
}

function binaryOf(name: BinaryName, choice: Choice, simplifier: Simplifier): Expression {
  if (name === "slopeProduct") return slopeProduct(choice.activation, choice.order, simplifier);
  return name === "lossDerivative" ? lossDerivative(choice, simplifier) : binaryOperations[name];
}

const expressions = new Map<string, Expression>();

/** The expression of an operation, made once. */
function remembered(key: string, make: (simplifier: Simplifier) => Expression): Expression {
  const simplifier = new Simplifier();
  const expression = expressions.get(key) ?? simplifier.simplify(make(simplifier));
  expressions.set(key, expression);
  return expression;
}

/** Key that identifies an operation of one value. */
export const unaryKey = (name: UnaryName, { activation }: Choice): string =>
  name === "activation" || name === "activationSlope" ? `${name} ${JSON.stringify(activation)}` : name;

/** An operation of one value, in `unaryInputs`. */
export const unaryExpression = (name: UnaryName, choice: Choice): Expression =>
  remembered(unaryKey(name, choice), (simplifier) => unaryOf(name, choice, simplifier));

/** Key that identifies an operation of two values. */
export function binaryKey(name: BinaryName, { activation, order, loss, derivative }: Choice): string {
  if (name === "slopeProduct") return `${name} ${order} ${JSON.stringify(activation)}`;
  return name === "lossDerivative" ? `${name} ${derivative.join(" ")} ${JSON.stringify(loss)}` : name;
}

/** An operation of two values, in `binaryInputs`. */
export const binaryExpression = (name: BinaryName, choice: Choice): Expression =>
  remembered(`binary ${binaryKey(name, choice)}`, (simplifier) => binaryOf(name, choice, simplifier));
