import { InvalidInput } from "../errors.ts";
import { type Activation, activations, type OwnActivation } from "./activations.ts";
import { activationFunction } from "./scalarFunction.ts";
import { checkFunction, type Finding } from "./checkFunction.ts";
import { encodeDefinition, requireOwnName } from "./definition.ts";
import { Expression } from "./expression.ts";
import { type ElementLoss, elementLosses, type OwnLoss } from "./losses.ts";
import { lossFunction } from "./lossFunction.ts";
import { Simplifier } from "./simplify.ts";

function requireExpression(place: string, value: unknown): asserts value is Expression {
  if (value instanceof Expression) return;
  const fix = "return an expression: methods of the arguments (times, plus, …) and functions of `math`";
  throw new InvalidInput({ place, expected: "an expression", got: typeof value, fix });
}

/** @throws InvalidInput at the first finding that a training would not survive */
function requireSound(place: string, findings: readonly Finding[]): void {
  const [first] = findings.filter(({ kind }) => kind !== "kink");
  if (!first) return;
  const fix = {
    jump: "make both branches meet there",
    notFinite:
      "select another branch there with where(condition, a, b), or use a stable function (softplus, expm1, sigmoid)",
    unstable: "use numerically stable functions (softplus, expm1, sigmoid, normalDistribution)",
  }[first.kind as Exclude<Finding["kind"], "kink">];
  throw new InvalidInput({ place, expected: "finite, continuous values and finite slopes", got: first.text, fix });
}

/** Activations are checked for pre-activations of up to this size. */
const activationRange = 2 ** 14;

/** What a definition is at: everything that a training has to know of it. */
export const checkActivation = (activation: Activation): Finding[] => {
  const { forward } = activationFunction(activation);
  return checkFunction(forward, { name: "z", range: activationRange }, new Map());
};

/** Targets that a loss is checked at. */
const targets = [0, 1, -1, 0.5, 3];
const lossRange = 2 ** 10;

export const checkLoss = (loss: ElementLoss): Finding[] =>
  targets.flatMap((t) =>
    checkFunction(lossFunction(loss).loss, { name: "y", range: lossRange }, new Map([["t", t]])).map((finding) => ({
      ...finding,
      text: `${finding.text}, t = ${t}`,
    })),
  );

/**
 * An activation of your own, for `dense(width, activation)` on every device: derived, checked, explained, saved and exported like the
 * built-in ones.
 * @param name letters, digits, _ and -; not a built-in one
 * @param define of the pre-activation z, e.g. `(z) => z.times(math.tanh(math.softplus(z)))`
 * @throws InvalidInput where a value or a slope is not finite within ±16,384, loses its digits in float32, or values jump; kinks are allowed
 */
export function activation(name: string, define: (z: Expression) => Expression): OwnActivation {
  const place = `activation ${String(name).slice(0, 40)}`;
  requireOwnName(place, name, Object.keys(activations));
  const definition = define(Expression.input("z"));
  requireExpression(place, definition);
  const own: OwnActivation = Object.freeze({
    name,
    definition: encodeDefinition(new Simplifier().simplify(definition)),
  });
  requireSound(place, checkActivation(own));
  return own;
}

/**
 * A loss of your own of every output y against its target t; the loss of a batch is the mean over all values.
 * @param define e.g. `(y, t) => y.minus(t).squared()`
 * @throws InvalidInput as `activation` does, for outputs within ±1,024 and targets of a few units
 */
export function loss(name: string, define: (output: Expression, target: Expression) => Expression): OwnLoss {
  const place = `loss ${String(name).slice(0, 40)}`;
  requireOwnName(place, name, [...Object.keys(elementLosses), "softmaxCrossEntropy"]);
  const definition = define(Expression.input("y"), Expression.input("t"));
  requireExpression(place, definition);
  const own: OwnLoss = Object.freeze({ name, definition: encodeDefinition(new Simplifier().simplify(definition)) });
  requireSound(place, checkLoss(own));
  return own;
}
