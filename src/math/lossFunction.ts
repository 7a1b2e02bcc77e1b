import { backward } from "./differentiate.ts";
import { Expression } from "./expression.ts";
import { type ElementLoss, type ElementLossName, lossExpression, type OwnLoss } from "./losses.ts";
import { Simplifier } from "./simplify.ts";

/** A loss of one output, and its slope by it, of the inputs y and its target t. */
export interface LossFunction {
  readonly loss: Expression;
  readonly slope: Expression;
}

const [y, t] = ["y", "t"].map((name) => Expression.input(name)) as [Expression, Expression];

function derive(of: ElementLoss): LossFunction {
  const simplifier = new Simplifier();
  const loss = simplifier.simplify(lossExpression(of, y, t));
  const [slope] = backward(simplifier, loss, Expression.constant(1), [y]);
  return { loss, slope: slope ?? Expression.constant(0) };
}

const derived = new Map<ElementLossName, LossFunction>();
const derivedOwn = new WeakMap<OwnLoss, LossFunction>();

/** A loss and its slope, derived once. */
export function lossFunction(of: ElementLoss): LossFunction {
  const known = typeof of === "string" ? derived.get(of) : derivedOwn.get(of);
  if (known) return known;
  const made = derive(of);
  if (typeof of === "string") derived.set(of, made);
  else derivedOwn.set(of, made);
  return made;
}
