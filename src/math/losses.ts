import { absolute, type Expression, softplus, where } from "./expression.ts";

/**
 * Losses of one output y against its target t, summed over the outputs; `scale` says over what the mean is taken. binaryCrossEntropy
 * takes a logit. Definitions as PyTorch's.
 */
export const elementLosses = {
  squaredError: (y, t) => y.minus(t).squared().times(0.5),
  meanSquaredError: (y, t) => y.minus(t).squared(),
  meanAbsoluteError: (y, t) => absolute(y.minus(t)),
  huber: (y, t) => {
    const error = y.minus(t);
    return where(absolute(error).lessOrEqual(1), error.squared().times(0.5), absolute(error).minus(0.5));
  },
  binaryCrossEntropy: (x, t) => t.times(softplus(x.negated())).plus(t.negated().plus(1).times(softplus(x))),
} as const satisfies Record<string, (output: Expression, target: Expression) => Expression>;
