import { absolute, type Expression, softplus, where } from "./expression.ts";

/** t · x; 0 where t is 0, though x be infinite: a logit of −∞ or ∞ may mask a class. */
const targetTimes = (t: Expression, x: Expression): Expression => where(t.equals(0), 0, t.times(x));

/**
 * Losses of one output y against its target t, before the mean is taken: the one place that defines them. Definitions as PyTorch's;
 * huber has delta 1. binaryCrossEntropy takes a logit; its slope is (1 − t)·σ(x) − t·σ(−x), in which nothing cancels.
 */
export const elementLosses = {
  squaredError: (y, t) => y.minus(t).squared().times(0.5),
  meanSquaredError: (y, t) => y.minus(t).squared(),
  meanAbsoluteError: (y, t) => absolute(y.minus(t)),
  huber: (y, t) => {
    const error = y.minus(t);
    return where(absolute(error).lessOrEqual(1), error.squared().times(0.5), absolute(error).minus(0.5));
  },
  binaryCrossEntropy: (x, t) =>
    targetTimes(t, softplus(x.negated())).plus(targetTimes(t.negated().plus(1), softplus(x))),
} as const satisfies Record<string, (output: Expression, target: Expression) => Expression>;

export type ElementLossName = keyof typeof elementLosses;
