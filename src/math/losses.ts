import { backward } from "./differentiate.ts";
import { absolute, Expression, softplus, where } from "./expression.ts";
import { Simplifier } from "./simplify.ts";

/** t · x; 0 where t is 0, though x be infinite: a logit of −∞ or ∞ may mask a class. */
const targetTimes = (t: Expression, x: Expression): Expression => where(t.equals(0), 0, t.times(x));

/**
 * Losses of one output y against its target t, before the mean is taken: the one place that defines them. Definitions as PyTorch's;
 * huber has delta 1. binaryCrossEntropy takes a logit: −t·log σ(x) − (1 − t)·log σ(−x), which is |x| times what the target lacks of the
 * side that x is on, and the log1p that both logarithms have in common. Nothing in it or in its slope cancels.
 */
export const elementLosses = {
  squaredError: (y, t) => y.minus(t).squared().times(0.5),
  meanSquaredError: (y, t) => y.minus(t).squared(),
  meanAbsoluteError: (y, t) => absolute(y.minus(t)),
  huber: (y, t) => {
    const error = y.minus(t);
    return where(absolute(error).lessOrEqual(1), error.squared().times(0.5), absolute(error).minus(0.5));
  },
  binaryCrossEntropy: (x, t) => {
    const size = where(x.greater(0), x, x.negated());
    const missed = where(x.greater(0), t.negated().plus(1), t);
    return targetTimes(missed, size).plus(softplus(size.negated()));
  },
} as const satisfies Record<string, (output: Expression, target: Expression) => Expression>;

export type ElementLossName = keyof typeof elementLosses;

/** A loss of one output, and its slope by it, of the inputs y and its target t. */
export interface LossFunction {
  readonly loss: Expression;
  readonly slope: Expression;
}

type Definition = (output: Expression, target: Expression) => Expression;

function derive(define: Definition): LossFunction {
  const simplifier = new Simplifier();
  const [y, t] = [Expression.input("y"), Expression.input("t")];
  const loss = simplifier.simplify(define(y, t));
  const [slope] = backward(simplifier, loss, Expression.constant(1), [y]);
  return { loss, slope: slope ?? Expression.constant(0) };
}

const derived = new WeakMap<Definition, LossFunction>();

/** A loss and its slope, derived once for each definition. */
export function lossFunction(define: Definition): LossFunction {
  const known = derived.get(define) ?? derive(define);
  derived.set(define, known);
  return known;
}
