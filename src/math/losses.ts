import { decodeDefinition, type Definition } from "./definition.ts";
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

/** A loss of a user's, of every output by itself: its definition as data, so that models with it can be saved. `loss()` makes one. */
export interface OwnLoss {
  readonly name: string;
  /** Of the inputs y, an output, and t, its target. */
  readonly definition: Definition;
}

/** A loss of every output by itself. */
export type ElementLoss = ElementLossName | OwnLoss;

/** A loss of one output, and its slope by it, of the inputs y and its target t. */
export interface LossFunction {
  readonly loss: Expression;
  readonly slope: Expression;
}

const inputs = ["y", "t"] as const;
const [y, t] = inputs.map((name) => Expression.input(name)) as [Expression, Expression];

function derive(of: ElementLoss): LossFunction {
  const definition =
    typeof of === "string" ? elementLosses[of](y, t) : decodeDefinition(`loss ${of.name}`, of.definition, inputs);
  const simplifier = new Simplifier();
  const loss = simplifier.simplify(
    definition.substitute(
      new Map([
        ["y", y],
        ["t", t],
      ]),
    ),
  );
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
