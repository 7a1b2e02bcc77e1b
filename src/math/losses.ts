import { decodeDefinition, type Definition } from "./definition.ts";
import { absolute, type Expression, softplus, where } from "./expression.ts";

/** t · x; 0 where t is 0, though x be infinite: a logit of −∞ or ∞ may mask a class. */
const targetTimes = (t: Expression, x: Expression): Expression => where(t.equals(0), 0, t.times(x));

/**
 * Losses of one output y against its target t, before the mean is taken: the one place that defines them. Definitions as PyTorch's;
 * huber has delta 1. binaryCrossEntropy takes a logit: −t·log σ(x) − (1 − t)·log σ(−x), which is |x| times what the target lacks of the
 * side that x is on, and the log1p that both logarithms have in common. Nothing in it or in its slope cancels.
 * logCosh and its slope are off by some 1e-7 where y is near t, as y − t is where y is near 1.
 */
export const elementLosses = {
  squaredError: (y, t) => y.minus(t).squared().times(0.5),
  meanSquaredError: (y, t) => y.minus(t).squared(),
  meanAbsoluteError: (y, t) => absolute(y.minus(t)),
  huber: (y, t) => {
    const error = y.minus(t);
    return where(absolute(error).lessOrEqual(1), error.squared().times(0.5), absolute(error).minus(0.5));
  },
  logCosh: (y, t) => {
    const size = absolute(y.minus(t));
    return size.plus(softplus(size.times(-2))).minus(Math.LN2);
  },
  binaryCrossEntropy: (x, t) => {
    const size = where(x.greater(0), x, x.negated());
    const missed = where(x.greater(0), t.negated().plus(1), t);
    return targetTimes(missed, size).plus(softplus(size.negated()));
  },
} as const satisfies Record<string, (output: Expression, target: Expression) => Expression>;

/**
 * Cross entropy of a row of logits x, of which s is log Σ e^x: −Σ t · log p, where p = e^(x − s). What computes it is in softmax.ts, in
 * forms in which nothing cancels.
 */
export const softmaxCrossEntropy = (x: readonly Expression[], t: readonly Expression[], s: Expression): Expression =>
  x.map((logit, index) => t[index]!.times(s.minus(logit))).reduce((sum, term) => sum.plus(term));

export type ElementLossName = keyof typeof elementLosses;

/** A loss of a user's, of every output by itself: its definition as data, so that models with it can be saved. `loss()` makes one. */
export interface OwnLoss {
  readonly name: string;
  /** Of the inputs y, an output, and t, its target. */
  readonly definition: Definition;
}

/** A loss of every output by itself. */
export type ElementLoss = ElementLossName | OwnLoss;

/** The definition of a loss at `y` and `t`. @throws InvalidInput on an own one whose data are no definition */
export const lossExpression = (of: ElementLoss, y: Expression, t: Expression): Expression =>
  typeof of === "string"
    ? elementLosses[of](y, t)
    : decodeDefinition(`loss ${of.name}`, of.definition, ["y", "t"]).substitute(
        new Map([
          ["y", y],
          ["t", t],
        ]),
      );
