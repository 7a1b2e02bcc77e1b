import { type Activation, activationExpression, type ActivationName, type OwnActivation } from "./activations.ts";
import { backward } from "./differentiate.ts";
import { inOrder, apply, Expression } from "./expression.ts";
import { intervalOf } from "./interval.ts";
import type { Preparation } from "./primitive.ts";
import { primitives } from "./primitives.ts";
import { Simplifier } from "./simplify.ts";

/** A function of one value z and its backward pass, as expressions. */
export interface ScalarFunction {
  /** Of z. */
  readonly forward: Expression;
  /** Gradient by z, of `d`, the gradient by the result, and of what forward saves: `a`, the result, or `z`. */
  readonly backward: Expression;
  /** What backward needs: the result where that is enough, so that forward need not keep z beside it. */
  readonly saves: "nothing" | "result" | "argument";
  /** How z can be prepared: where forward and backward take it by functions only that share a preparation. */
  readonly preparation: Preparation | undefined;
}

const [z, a, d] = ["z", "a", "d"].map((name) => Expression.input(name)) as [Expression, Expression, Expression];

/** Replaces nodes of an expression, and what lies below them. */
function replaceNodes(expression: Expression, replacements: ReadonlyMap<Expression, Expression>): Expression {
  const done = new Map<Expression, Expression>(replacements);
  for (const node of inOrder([expression])) {
    if (done.has(node)) continue;
    const operands = node.operands.map((operand) => done.get(operand)!);
    const isChanged = operands.some((operand, index) => operand !== node.operands[index]);
    done.set(node, isChanged ? Expression.application(node.primitive!, operands) : node);
  }
  return done.get(expression)!;
}

const uses = (expression: Expression, name: string): boolean =>
  inOrder([expression]).some((node) => node.kind === "input" && node.name === name);

/**
 * The backward pass in terms of the result alone, where the result is a choice by the sign of z that keeps the sign: `z ≤ 0` is then
 * `a ≤ 0`, and each branch of the result is `a` where it was taken.
 */
function byResultOfBranches(simplifier: Simplifier, forward: Expression, gradient: Expression): Expression | undefined {
  const [left, right, below, above] = forward.operands;
  if (forward.primitive !== "whereLessOrEqual" || left!.name !== "z" || !right!.isConstant(0)) return undefined;
  const whenBelow = intervalOf(below!, new Map([["z", { low: -Infinity, high: 0 }]]));
  if (whenBelow.high > 0 || above!.kind !== "input") return undefined;
  if (
    gradient.primitive !== "whereLessOrEqual" ||
    gradient.operands[0] !== left ||
    !gradient.operands[1]!.isConstant(0)
  )
    return undefined;
  const branch = (from: Expression, taken: Expression): Expression =>
    taken.isConstant() ? from : replaceNodes(from, new Map([[taken, a]]));
  const [dBelow, dAbove] = [branch(gradient.operands[2]!, below!), branch(gradient.operands[3]!, above!)];
  return simplifier.simplify(apply("whereLessOrEqual", a, right!, dBelow, dAbove));
}

/** The preparation that all functions of z share; undefined where one of them has none or another. */
function preparationOf(outputs: readonly Expression[]): Preparation | undefined {
  const order = inOrder(outputs);
  if (outputs.some(({ name }) => name === "z")) return undefined;
  const found = order
    .filter(({ operands }) => operands.some(({ name }) => name === "z"))
    .map(({ primitive }) => primitives[primitive!].prepared?.by);
  return found.every((each) => each === found[0]) ? found[0] : undefined;
}

/** A function of the input z and its backward pass. */
export function scalarFunction(definition: Expression): ScalarFunction {
  const simplifier = new Simplifier();
  const forward = simplifier.simplify(definition.substitute(new Map([["z", z]])));
  const gradient = backward(simplifier, forward, d, [z])[0] ?? Expression.constant(0);
  const byResult = simplifier.simplify(replaceNodes(gradient, new Map([[forward, a]])));
  const own = forward.primitive && primitives[forward.primitive].backwardByResult?.(d, a);
  const candidates = [gradient, byResult, byResultOfBranches(simplifier, forward, gradient), own];
  const found = candidates.find((candidate) => candidate && !uses(candidate, "z"));
  const chosen = found ? simplifier.simplify(found) : gradient;
  const saves = found ? (uses(found, "a") ? "result" : "nothing") : "argument";
  return { forward, backward: chosen, saves, preparation: preparationOf([forward, chosen]) };
}

const derived = new Map<ActivationName, ScalarFunction>();
const derivedOwn = new WeakMap<OwnActivation, ScalarFunction>();

/** An activation and its backward pass, derived once. */
export function activationFunction(activation: Activation): ScalarFunction {
  const known = typeof activation === "string" ? derived.get(activation) : derivedOwn.get(activation);
  if (known) return known;
  const own = scalarFunction(activationExpression(activation, z));
  if (typeof activation === "string") derived.set(activation, own);
  else derivedOwn.set(activation, own);
  return own;
}

/** Whether backward needs the pre-activation, because the activation alone does not determine the slope. */
export const savesPreActivation = (activation: Activation): boolean =>
  activationFunction(activation).saves === "argument";
