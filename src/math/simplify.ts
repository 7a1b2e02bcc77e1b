import { apply, Expression, type PrimitiveName } from "./expression.ts";
import { primitives } from "./primitives.ts";

const isWherePrimitive = (primitive: PrimitiveName): boolean => primitive.startsWith("where");
const isWhere = ({ primitive }: Expression): boolean => primitive !== undefined && isWherePrimitive(primitive);
const is = (expression: Expression, primitive: PrimitiveName): boolean => expression.primitive === primitive;

/** A `where` of which one branch is 0. */
const isMasked = (of: Expression): boolean =>
  isWhere(of) && (of.operands[2]!.isConstant(0) || of.operands[3]!.isConstant(0));

/**
 * Rebuilds expressions with equal subexpressions shared and without operations that change nothing. Never turns x · 0 into 0,
 * which is NaN for an infinite x; a product with a branch of 0 becomes a branch of 0.
 */
export class Simplifier {
  readonly #nodes = new Map<string, Expression>();
  readonly #keys = new Map<Expression, number>();
  readonly #done = new Map<Expression, Expression>();

  /** The simplest form that the rules find; the same object for equal expressions. */
  simplify(expression: Expression): Expression {
    const known = this.#done.get(expression);
    if (known) return known;
    const simple =
      expression.kind === "application"
        ? this.#applied(
            expression.primitive!,
            expression.operands.map((operand) => this.simplify(operand)),
          )
        : this.#interned(expression);
    this.#done.set(expression, simple);
    return simple;
  }

  /** The one object for all expressions with this top over these operands. */
  #interned(expression: Expression): Expression {
    const { kind, primitive, name, value, operands } = expression;
    const own = kind === "constant" ? String(Object.is(value, -0) ? "-0" : value) : (primitive ?? name);
    const key = `${kind} ${own} ${operands.map((operand) => this.#keys.get(operand)).join(" ")}`;
    const known = this.#nodes.get(key);
    if (known) return known;
    this.#nodes.set(key, expression);
    this.#keys.set(expression, this.#keys.size);
    this.#done.set(expression, expression);
    return expression;
  }

  #applied(primitive: PrimitiveName, operands: readonly Expression[]): Expression {
    if (operands.every((operand) => operand.isConstant())) {
      const value = primitives[primitive].compute(...operands.map(({ value }) => value));
      if (Number.isFinite(Math.fround(value))) return this.#interned(Expression.constant(value));
    }
    const replaced = isWherePrimitive(primitive) ? this.#where(primitive, operands) : rules[primitive]?.(...operands);
    if (replaced) return this.simplify(replaced);
    const ordered = primitive === "add" || primitive === "multiply" ? this.#ordered(operands) : operands;
    return this.#interned(Expression.application(primitive, ordered));
  }

  /** Operands of what commutes in the order in which they were met: one form for a + b and b + a. */
  #ordered(operands: readonly Expression[]): readonly Expression[] {
    const [a, b] = operands as [Expression, Expression];
    return this.#keys.get(a)! <= this.#keys.get(b)! ? operands : [b, a];
  }

  /** Equal branches are no choice; inside the branches of a condition the same condition is known. */
  #where(primitive: PrimitiveName, operands: readonly Expression[]): Expression | undefined {
    const [left, right, a, b] = operands as [Expression, Expression, Expression, Expression];
    if (a === b) return a;
    const condition = { primitive, left, right };
    const [whenTrue, whenFalse] = [assume(a, condition, true), assume(b, condition, false)];
    return whenTrue === a && whenFalse === b ? undefined : apply(primitive, left, right, whenTrue, whenFalse);
  }
}

interface Known {
  readonly primitive: PrimitiveName;
  readonly left: Expression;
  readonly right: Expression;
}

/**
 * The expression where a condition is known to hold, or not to. Arguments of routines stay as they are: a call that both branches share
 * costs less than one in each.
 */
function assume(
  expression: Expression,
  condition: Known,
  holds: boolean,
  done = new Map<Expression, Expression>(),
): Expression {
  const known = done.get(expression);
  if (known) return known;
  const { primitive, operands } = expression;
  let result = expression;
  if (primitive === condition.primitive && operands[0] === condition.left && operands[1] === condition.right) {
    result = assume(operands[holds ? 2 : 3]!, condition, holds, done);
  } else if (primitive !== undefined && primitives[primitive].takesVectors) {
    const assumed = operands.map((operand) => assume(operand, condition, holds, done));
    if (assumed.some((operand, index) => operand !== operands[index]))
      result = Expression.application(primitive!, assumed);
  }
  done.set(expression, result);
  return result;
}

type Rule = (...operands: Expression[]) => Expression | undefined;

const isSum = (of: Expression): boolean => is(of, "add") || is(of, "subtract");

/** Where a sum or a choice has its terms. */
const termsOf = (of: Expression): readonly Expression[] => {
  if (isSum(of)) return of.operands;
  return isWhere(of) ? of.operands.slice(2) : [];
};

/** Whether a product with it has to go into its terms: one of them is a branch of 0. */
const hasMaskedTerm = (of: Expression): boolean => isMasked(of) || termsOf(of).some(hasMaskedTerm);

/** A linear function of a sum or choice with masked terms, of each term; 0 stays 0. */
function distribute(of: Expression, map: (term: Expression) => Expression): Expression {
  if (of.isConstant(0)) return of;
  if (!hasMaskedTerm(of)) return map(of);
  const terms = termsOf(of).map((term) => distribute(term, map));
  return apply(of.primitive!, ...of.operands.slice(0, of.operands.length - terms.length), ...terms);
}

function sumOf(a: Expression, b: Expression): Expression | undefined {
  if (a.isConstant(0)) return b;
  if (b.isConstant(0)) return a;
  if (a === b) return a.times(2);
  if (is(b, "negate")) return a.minus(b.operands[0]!);
  if (is(a, "negate")) return b.minus(a.operands[0]!);
  return sumUnderMask(a, b) ?? sumUnderMask(b, a);
}

/** A masked term and one that knows the same condition, as one choice between two sums. */
function sumUnderMask(masked: Expression, other: Expression): Expression | undefined {
  if (!isMasked(masked)) return undefined;
  const [left, right, a, b] = masked.operands as [Expression, Expression, Expression, Expression];
  const condition = { primitive: masked.primitive!, left, right };
  const [whenTrue, whenFalse] = [assume(other, condition, true), assume(other, condition, false)];
  if (whenTrue === other || whenFalse === other) return undefined;
  return apply(masked.primitive!, left, right, a.plus(whenTrue), b.plus(whenFalse));
}

function productOf(a: Expression, b: Expression): Expression | undefined {
  if (a.isConstant(1)) return b;
  if (b.isConstant(1)) return a;
  if (a.isConstant(-1)) return b.negated();
  if (b.isConstant(-1)) return a.negated();
  if (is(a, "negate")) return a.operands[0]!.times(b).negated();
  if (is(b, "negate")) return a.times(b.operands[0]!).negated();
  if (hasMaskedTerm(a)) return distribute(a, (term) => term.times(b));
  if (hasMaskedTerm(b)) return distribute(b, (term) => a.times(term));
  return productOfConstants(a, b) ?? productOfConstants(b, a);
}

/** c · (x · e) is x · ce, and c · (x / e) is x · c/e; powers of two only, by which no rounding changes. */
function productOfConstants(constant: Expression, of: Expression): Expression | undefined {
  if (!isPowerOfTwo(constant) || of.operands.length !== 2) return undefined;
  const [first, second] = of.operands as [Expression, Expression];
  if (is(of, "multiply") && first.isConstant()) return second.times(constant.value * first.value);
  if (is(of, "multiply") && second.isConstant()) return first.times(constant.value * second.value);
  if (is(of, "divide") && second.isConstant()) return first.times(constant.value).over(second);
  return undefined;
}

const isPowerOfTwo = (of: Expression): boolean =>
  of.isConstant() && of.value !== 0 && Number.isInteger(Math.log2(Math.abs(of.value)));

const rules: Partial<Record<PrimitiveName, Rule>> = {
  add: (a, b) => sumOf(a!, b!),
  subtract: (a, b) => {
    if (b!.isConstant(0)) return a;
    if (a!.isConstant(0)) return b!.negated();
    return is(b!, "negate") ? a!.plus(b!.operands[0]!) : undefined;
  },
  multiply: (a, b) => productOf(a!, b!),
  divide: (a, b) => {
    if (b!.isConstant(1)) return a;
    if (is(a!, "negate")) return a!.operands[0]!.over(b!).negated();
    return hasMaskedTerm(a!) ? distribute(a!, (term) => term.over(b!)) : undefined;
  },
  negate: (a) => {
    if (is(a!, "negate")) return a!.operands[0]!;
    if (is(a!, "subtract")) return a!.operands[1]!.minus(a!.operands[0]!);
    return hasMaskedTerm(a!) ? distribute(a!, (term) => term.negated()) : undefined;
  },
  power: (x, exponent) => {
    if (exponent!.isConstant(1)) return x;
    return exponent!.isConstant(2) ? x!.squared() : undefined;
  },
};
