import type { PrimitiveName } from "../math/expression.ts";
import { primitives } from "../math/primitives.ts";
import { shortDigits } from "./digits.ts";

/**
 * A formula as a tree whose symbols carry their values, so that one tree gives the formula, the same with numbers
 * (`withNumbers`) and its value (`evaluate`).
 */
export type Expression =
  | Leaf
  | { readonly kind: "sum"; readonly terms: readonly Expression[] }
  | { readonly kind: "product"; readonly factors: readonly Expression[] }
  | { readonly kind: "negative"; readonly of: Expression }
  | { readonly kind: "quotient"; readonly numerator: Expression; readonly denominator: Expression }
  | { readonly kind: "power"; readonly base: Expression; readonly exponent: Expression }
  | Call;

/** A symbol is replaced by its value in the line with numbers; a constant stays as it is. */
export interface Leaf {
  readonly kind: "symbol" | "constant";
  readonly text: string;
  readonly tex: string;
  readonly value: number;
}

interface Call {
  readonly kind: "call";
  /** A function of the table that has a name in formulas. */
  readonly name: PrimitiveName;
  readonly arguments: readonly Expression[];
}

/** Beside a formula that holds in one branch only: `for z_h1 > 0`. */
export interface Condition {
  readonly left: Expression;
  readonly relation: ">" | "<" | "≤" | "≥" | "=";
  readonly right: Expression;
  /** Another one that holds too. */
  readonly and?: Condition;
}

export const symbol = (text: string, tex: string, value: number): Leaf => ({ kind: "symbol", text, tex, value });
export const constant = (value: number, text = shortDigits(value), tex = texNumber(text)): Leaf => ({
  kind: "constant",
  text,
  tex,
  value,
});
export const half = constant(0.5, "½", "\\tfrac{1}{2}");
const euler = constant(Math.E, "e", "e");

/** A sum; of one term, the term. */
export const sum = (...terms: readonly Expression[]): Expression =>
  terms.length === 1 ? terms[0]! : { kind: "sum", terms };
/** A product; of one factor, the factor. Factors that are products are taken in. */
export function product(...factors: readonly Expression[]): Expression {
  const flat = factors.flatMap((factor) => (factor.kind === "product" ? factor.factors : [factor]));
  return flat.length === 1 ? flat[0]! : { kind: "product", factors: flat };
}
export const negative = (of: Expression): Expression => ({ kind: "negative", of });
export const difference = (left: Expression, right: Expression): Expression => sum(left, negative(right));
/** A quotient; over 1, the numerator. */
export const quotient = (numerator: Expression, denominator: Expression): Expression =>
  denominator.kind === "constant" && denominator.value === 1 ? numerator : { kind: "quotient", numerator, denominator };
export const squared = (base: Expression): Expression => ({ kind: "power", base, exponent: constant(2) });
export const exponential = (exponent: Expression): Expression => ({ kind: "power", base: euler, exponent });
export const call = (name: PrimitiveName, ...of: readonly Expression[]): Expression => ({
  kind: "call",
  name,
  arguments: of,
});

/** `1.5e-8` as TeX writes it. */
export const texNumber = (text: string): string =>
  text
    .replace(/e\+?(-?\d+)$/, " \\cdot 10^{$1}")
    .replace("Infinity", "\\infty")
    .replace("NaN", "\\text{NaN}");

/** Rebuilds a tree with every leaf replaced. */
function mapLeaves(expression: Expression, replace: (leaf: Leaf) => Expression): Expression {
  const map = (inner: Expression): Expression => mapLeaves(inner, replace);
  switch (expression.kind) {
    case "sum":
      return { kind: "sum", terms: expression.terms.map(map) };
    case "product":
      return { kind: "product", factors: expression.factors.map(map) };
    case "negative":
      return negative(map(expression.of));
    case "quotient":
      return { kind: "quotient", numerator: map(expression.numerator), denominator: map(expression.denominator) };
    case "power":
      return { kind: "power", base: map(expression.base), exponent: map(expression.exponent) };
    case "call":
      return { ...expression, arguments: expression.arguments.map(map) };
    default:
      return replace(expression);
  }
}

/** The same formula with every symbol replaced by its value. */
export const withNumbers = (expression: Expression): Expression =>
  mapLeaves(expression, (leaf) => (leaf.kind === "symbol" ? constant(leaf.value) : leaf));

/** The texts of all symbols in a formula, each once, from left to right. */
export function symbolsIn(expression: Expression): readonly string[] {
  const found = new Set<string>();
  mapLeaves(expression, (leaf) => {
    if (leaf.kind === "symbol") found.add(leaf.text);
    return leaf;
  });
  return [...found];
}

/** The value of a formula in float64. */
export function evaluate(expression: Expression): number {
  switch (expression.kind) {
    case "sum":
      return expression.terms.reduce((total, term) => total + evaluate(term), 0);
    case "product":
      return expression.factors.reduce((total, factor) => total * evaluate(factor), 1);
    case "negative":
      return -evaluate(expression.of);
    case "quotient":
      return evaluate(expression.numerator) / evaluate(expression.denominator);
    case "power":
      return evaluate(expression.base) ** evaluate(expression.exponent);
    case "call":
      return applied(expression);
    default:
      return expression.value;
  }
}

function applied({ name, arguments: of }: Call): number {
  return primitives[name].compute(...of.map(evaluate));
}

/** Sum of the absolute values that `evaluate` adds up: what its rounding error is relative to. */
export function magnitude(expression: Expression): number {
  if (expression.kind === "sum") return expression.terms.reduce((total, term) => total + magnitude(term), 0);
  if (expression.kind === "product") return expression.factors.reduce((total, factor) => total * magnitude(factor), 1);
  if (expression.kind === "negative") return magnitude(expression.of);
  return Math.abs(evaluate(expression));
}
