import { type Expression, inOrder } from "./expression.ts";

/** Values from `low` to `high`. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

const everything: Interval = { low: -Infinity, high: Infinity };

/** Functions that rise everywhere, at both ends of an interval. */
const rising = (f: (x: number) => number, { low, high }: Interval): Interval => ({ low: f(low), high: f(high) });

/** An end of a product: 0 · ∞ is 0 for the ends of intervals. */
const end = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b);

function productOf(a: Interval, b: Interval): Interval {
  const ends = [end(a.low, b.low), end(a.low, b.high), end(a.high, b.low), end(a.high, b.high)];
  return { low: Math.min(...ends), high: Math.max(...ends) };
}

function applied(node: Expression, of: readonly Interval[]): Interval {
  const [a, b, c, d] = of as [Interval, Interval, Interval, Interval];
  switch (node.primitive) {
    case "add":
      return { low: a.low + b.low, high: a.high + b.high };
    case "subtract":
      return { low: a.low - b.high, high: a.high - b.low };
    case "negate":
      return { low: -a.high, high: -a.low };
    case "multiply":
      return productOf(a, b);
    case "minimum":
      return { low: Math.min(a.low, b.low), high: Math.min(a.high, b.high) };
    case "maximum":
      return { low: Math.max(a.low, b.low), high: Math.max(a.high, b.high) };
    case "exp":
      return rising(Math.exp, a);
    case "expm1":
      return rising(Math.expm1, a);
    case "tanh":
      return rising(Math.tanh, a);
    case "sigmoid":
    case "normalDistribution":
      return { low: 0, high: 1 };
    case "whereLess":
    case "whereLessOrEqual":
    case "whereEqual":
      return { low: Math.min(c.low, d.low), high: Math.max(c.high, d.high) };
    default:
      return everything;
  }
}

/** Bounds of an expression by bounds of its inputs; wider than the truth where an input occurs more than once. */
export function intervalOf(expression: Expression, inputs: ReadonlyMap<string, Interval>): Interval {
  const known = new Map<Expression, Interval>();
  for (const node of inOrder([expression])) {
    if (node.kind === "constant") known.set(node, { low: node.value, high: node.value });
    else if (node.kind === "input") known.set(node, inputs.get(node.name) ?? everything);
    else {
      const interval = applied(
        node,
        node.operands.map((operand) => known.get(operand)!),
      );
      known.set(node, Number.isNaN(interval.low + interval.high) && !isInfinite(interval) ? everything : interval);
    }
  }
  return known.get(expression)!;
}

const isInfinite = ({ low, high }: Interval): boolean => low === -Infinity && high === Infinity;
