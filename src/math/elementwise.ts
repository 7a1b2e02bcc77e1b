import type { ActivationName } from "../network.ts";
import { activations } from "./activations.ts";
import { backward } from "./differentiate.ts";
import { absolute, exp, Expression, log, maximum, minimum, power, sign, sqrt, where } from "./expression.ts";
import { type ElementLossName, elementLosses } from "./losses.ts";
import { scalarFunction } from "./scalarFunction.ts";
import { Simplifier } from "./simplify.ts";

// Operations of tensors value by value: expressions of x, or of x and y.

const [x, y, exponent] = [Expression.input("x"), Expression.input("y"), Expression.input("exponent")];
const one = Expression.constant(1);

const unaryOperations = {
  negate: x.negated(),
  exp: exp(x),
  log: log(x),
  sqrt: sqrt(x),
  square: x.squared(),
  power: power(x, exponent),
  absolute: absolute(x),
  sign: sign(x),
} as const;

/** Operations of one value: activations, their slopes at saved values, and others. */
export type UnaryName = ActivationName | `${ActivationName}Slope` | keyof typeof unaryOperations;

/** Inputs of a unary operation; `exponent` is that of power. */
export const unaryInputs = ["x", "exponent"] as const;

/** Gradient of an activation by its argument, from the gradient `gradient` by its value and from the value `saved` by forward. */
function slopeOf(name: ActivationName, gradient: Expression, saved: Expression): Expression {
  const { backward: slope } = scalarFunction(activations[name]);
  return slope.substitute(
    new Map([
      ["d", gradient],
      ["a", saved],
      ["z", saved],
    ]),
  );
}

const isActivation = (name: string): name is ActivationName => Object.hasOwn(activations, name);

function unaryOf(name: UnaryName): Expression {
  if (isActivation(name)) return activations[name](x);
  if (name.endsWith("Slope")) return slopeOf(name.slice(0, -"Slope".length) as ActivationName, one, x);
  return unaryOperations[name as keyof typeof unaryOperations];
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
export type BinaryName = keyof typeof binaryOperations | "loss" | "lossSlope" | "slopeProduct";

/** Inputs of a binary operation. */
export const binaryInputs = ["x", "y"] as const;

/** What a name leaves open. */
export interface BinaryChoice {
  /** Of "loss" and "lossSlope": of the output x and the target y. */
  readonly loss: ElementLossName;
  /** Of "slopeProduct": x times the slope of the activation at the saved value y. */
  readonly activation: ActivationName;
}

function binaryOf(name: BinaryName, { loss, activation }: BinaryChoice, simplifier: Simplifier): Expression {
  if (name === "slopeProduct") return slopeOf(activation, x, y);
  if (name !== "loss" && name !== "lossSlope") return binaryOperations[name];
  const value = simplifier.simplify(elementLosses[loss](x, y));
  return name === "loss" ? value : backward(simplifier, value, one, [x])[0]!;
}

const expressions = new Map<string, Expression>();

/** The expression of an operation, made once. */
function remembered(key: string, make: (simplifier: Simplifier) => Expression): Expression {
  const simplifier = new Simplifier();
  const expression = expressions.get(key) ?? simplifier.simplify(make(simplifier));
  expressions.set(key, expression);
  return expression;
}

/** An operation of one value, in `unaryInputs`. */
export const unaryExpression = (name: UnaryName): Expression => remembered(name, () => unaryOf(name));

/** What tells an operation of two values from the others. */
export function binaryKey(name: BinaryName, { loss, activation }: BinaryChoice): string {
  if (name === "slopeProduct") return `${name} ${activation}`;
  return name === "loss" || name === "lossSlope" ? `${name} ${loss}` : name;
}

/** An operation of two values, in `binaryInputs`. */
export const binaryExpression = (name: BinaryName, choice: BinaryChoice): Expression =>
  remembered(`binary ${binaryKey(name, choice)}`, (simplifier) => binaryOf(name, choice, simplifier));
