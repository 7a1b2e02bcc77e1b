import { InvalidInput } from "../errors.ts";

/** Every primitive and its number of operands; primitives.ts has a row for each. */
export const arities = {
  add: 2,
  subtract: 2,
  multiply: 2,
  divide: 2,
  negate: 1,
  minimum: 2,
  maximum: 2,
  absolute: 1,
  sign: 1,
  sqrt: 1,
  reciprocal: 1,
  power: 2,
  exp: 1,
  expm1: 1,
  log: 1,
  sin: 1,
  cos: 1,
  tanh: 1,
  sigmoid: 1,
  softplus: 1,
  normalDistribution: 1,
  normalDensity: 1,
  whereLess: 4,
  whereLessOrEqual: 4,
  whereEqual: 4,
} as const;
export type PrimitiveName = keyof typeof arities;

/** An expression, or a number that stands for a constant. */
export type Operand = Expression | number;

/** A comparison, which is false where an operand is NaN; `where` takes it. */
export interface Condition {
  readonly primitive: "whereLess" | "whereLessOrEqual" | "whereEqual";
  readonly left: Expression;
  readonly right: Expression;
}

/**
 * A scalar function of named inputs: a tree of primitives over inputs and f32 constants, of which subtrees may be shared. Plain
 * data without a machine: float64.ts evaluates it, differentiate.ts derives it, emitWgsl.ts writes it as WGSL.
 */
export class Expression {
  readonly kind: "input" | "constant" | "application";
  /** Of an application. */
  readonly primitive: PrimitiveName | undefined;
  readonly operands: readonly Expression[];
  /** Of an input. */
  readonly name: string;
  /** Of a constant. */
  readonly value: number;

  private constructor(
    kind: Expression["kind"],
    parts: { primitive?: PrimitiveName; operands?: readonly Expression[]; name?: string; value?: number },
  ) {
    this.kind = kind;
    this.primitive = parts.primitive;
    this.operands = parts.operands ?? [];
    this.name = parts.name ?? "";
    this.value = parts.value ?? Number.NaN;
  }

  static input(name: string): Expression {
    return new Expression("input", { name });
  }

  static constant(value: number): Expression {
    return new Expression("constant", { value });
  }

  static application(primitive: PrimitiveName, operands: readonly Expression[]): Expression {
    return new Expression("application", { primitive, operands });
  }

  /** Whether this is a constant, of that value where one is given; 0 and −0 are not told apart. */
  isConstant(value?: number): boolean {
    return this.kind === "constant" && (value === undefined || this.value === value);
  }

  /** The same expression with inputs replaced by name; shared parts stay shared. */
  substitute(inputs: ReadonlyMap<string, Expression>): Expression {
    const done = new Map<Expression, Expression>();
    const replace = (node: Expression): Expression => {
      const known = done.get(node);
      if (known) return known;
      const replaced =
        node.kind === "application"
          ? Expression.application(node.primitive!, node.operands.map(replace))
          : node.kind === "input"
            ? (inputs.get(node.name) ?? node)
            : node;
      done.set(node, replaced);
      return replaced;
    };
    return replace(this);
  }

  plus(other: Operand): Expression {
    return apply("add", this, other);
  }
  minus(other: Operand): Expression {
    return apply("subtract", this, other);
  }
  times(other: Operand): Expression {
    return apply("multiply", this, other);
  }
  over(other: Operand): Expression {
    return apply("divide", this, other);
  }
  negated(): Expression {
    return apply("negate", this);
  }
  squared(): Expression {
    return this.times(this);
  }
  less(other: Operand): Condition {
    return { primitive: "whereLess", left: this, right: operandOf(other) };
  }
  lessOrEqual(other: Operand): Condition {
    return { primitive: "whereLessOrEqual", left: this, right: operandOf(other) };
  }
  greater(other: Operand): Condition {
    return { primitive: "whereLess", left: operandOf(other), right: this };
  }
  greaterOrEqual(other: Operand): Condition {
    return { primitive: "whereLessOrEqual", left: operandOf(other), right: this };
  }
  equals(other: Operand): Condition {
    return { primitive: "whereEqual", left: this, right: operandOf(other) };
  }
}

const maxF32 = 3.4028234663852886e38;

/** @throws InvalidInput unless the operand is an expression or a number that is finite as an f32 */
function operandOf(operand: Operand): Expression {
  if (operand instanceof Expression) return operand;
  if (typeof operand === "number" && Math.abs(operand) <= maxF32) return Expression.constant(operand);
  const got = typeof operand === "number" ? String(operand) : typeof operand;
  const fix = "pass an expression, or a finite number";
  throw new InvalidInput({
    place: "expression",
    expected: "an expression or a number from −3.4e38 to 3.4e38",
    got,
    fix,
  });
}

/** Every node below the outputs, operands before what uses them. */
export function inOrder(outputs: readonly Expression[]): Expression[] {
  const order: Expression[] = [];
  const met = new Set<Expression>();
  const visit = (node: Expression): void => {
    if (met.has(node)) return;
    met.add(node);
    for (const operand of node.operands) visit(operand);
    order.push(node);
  };
  for (const output of outputs) visit(output);
  return order;
}

/** A primitive applied to operands. */
export const apply = (primitive: PrimitiveName, ...operands: readonly Operand[]): Expression =>
  Expression.application(primitive, operands.map(operandOf));

/**
 * `a` where the condition holds, else `b`. Of the gradient the branch that was not taken gets 0, whatever its slope is there.
 */
export const where = ({ primitive, left, right }: Condition, a: Operand, b: Operand): Expression =>
  apply(primitive, left, right, a, b);

/** The smaller of two; both share the gradient where they are equal, as in PyTorch. */
export const minimum = (a: Operand, b: Operand): Expression => apply("minimum", a, b);
/** The larger of two; both share the gradient where they are equal, as in PyTorch. */
export const maximum = (a: Operand, b: Operand): Expression => apply("maximum", a, b);
/** |x|, of slope 0 at 0. */
export const absolute = (x: Operand): Expression => apply("absolute", x);
/** −1, 0 or 1. */
export const sign = (x: Operand): Expression => apply("sign", x);
export const sqrt = (x: Operand): Expression => apply("sqrt", x);
/** 1 / x. */
export const reciprocal = (x: Operand): Expression => apply("reciprocal", x);
/** x^exponent. */
export const power = (x: Operand, exponent: Operand): Expression => apply("power", x, exponent);
export const exp = (x: Operand): Expression => apply("exp", x);
/** e^x − 1 without cancellation near 0. */
export const expm1 = (x: Operand): Expression => apply("expm1", x);
/** Natural logarithm. */
export const log = (x: Operand): Expression => apply("log", x);
export const sin = (x: Operand): Expression => apply("sin", x);
export const cos = (x: Operand): Expression => apply("cos", x);
export const tanh = (x: Operand): Expression => apply("tanh", x);
/** 1 / (1 + e^−x). */
export const sigmoid = (x: Operand): Expression => apply("sigmoid", x);
/** log(1 + e^x). */
export const softplus = (x: Operand): Expression => apply("softplus", x);
/** Distribution function Φ of the standard normal. */
export const normalDistribution = (x: Operand): Expression => apply("normalDistribution", x);
/** Density φ of the standard normal. */
export const normalDensity = (x: Operand): Expression => apply("normalDensity", x);
