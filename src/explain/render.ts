import { primitives } from "../math/primitives.ts";
import type { Condition, Expression } from "./expression.ts";

export type Notation = "text" | "tex";

/** How tightly an expression holds together; brackets go around what binds less than its place asks for. */
const binding = { sum: 1, negative: 2, product: 3, quotient: 3, power: 4, call: 5, symbol: 5, constant: 5 } as const;

const relations = { "=": "=", "←": "\\leftarrow", ">": ">", "<": "<", "≤": "\\le", "≥": "\\ge" } as const;

/** A relation sign in a notation. */
export const renderRelation = (relation: keyof typeof relations, notation: Notation): string =>
  notation === "tex" ? relations[relation] : relation;

/** Writes a formula as Unicode text or as TeX (math mode). */
export function renderExpression(expression: Expression, notation: Notation): string {
  const render = (inner: Expression, atLeast: number): string => {
    const written = renderExpression(inner, notation);
    return bindingOf(inner) < atLeast ? `(${written})` : written;
  };
  switch (expression.kind) {
    case "sum":
      return renderSum(expression.terms, render, notation);
    case "product":
      return expression.factors.map((factor) => render(factor, 3)).join(notation === "tex" ? " \\cdot " : "·");
    case "negative":
      return `${minus(notation)}${render(expression.of, 3)}`;
    case "quotient":
      return renderQuotient(expression, render, notation);
    case "power":
      return renderPower(expression, render, notation);
    case "call":
      return renderCall(expression, notation);
    default:
      return notation === "tex" ? expression.tex : expression.text.replace(/^-/, "−");
  }
}

type Render = (inner: Expression, atLeast: number) => string;

const minus = (notation: Notation): string => (notation === "tex" ? "-" : "−");

/** A negative number binds as a negation does, one with a power of ten as a product. */
export function bindingOf(expression: Expression): number {
  if (expression.kind !== "constant") return binding[expression.kind];
  if (expression.text.startsWith("-")) return binding.negative;
  return /\de/.test(expression.text) ? binding.product : binding.constant;
}

function renderSum(terms: readonly Expression[], render: Render, notation: Notation): string {
  const rest = terms.slice(1).map((term) => {
    if (term.kind === "negative") return ` ${minus(notation)} ${render(term.of, 3)}`;
    return ` + ${render(term, 3)}`;
  });
  return render(terms[0]!, 2) + rest.join("");
}

function renderQuotient(
  { numerator, denominator }: Extract<Expression, { kind: "quotient" }>,
  render: Render,
  notation: Notation,
): string {
  if (notation === "tex") return `\\frac{${render(numerator, 0)}}{${render(denominator, 0)}}`;
  return `${render(numerator, 3)}/${render(denominator, 4)}`;
}

function renderPower(
  { base, exponent }: Extract<Expression, { kind: "power" }>,
  render: Render,
  notation: Notation,
): string {
  const written = render(base, 5);
  if (notation === "tex") return `${written}^{${render(exponent, 0)}}`;
  return exponent.kind === "constant" && exponent.text === "2" ? `${written}²` : `${written}^(${render(exponent, 0)})`;
}

function renderCall(expression: Extract<Expression, { kind: "call" }>, notation: Notation): string {
  const { text, tex } = primitives[expression.name].notation!;
  const written = expression.arguments.map((argument) => renderExpression(argument, notation)).join(", ");
  if (expression.name === "absolute") return notation === "tex" ? `\\lvert ${written} \\rvert` : `|${written}|`;
  return `${notation === "tex" ? tex : text}(${written})`;
}

function comparison({ left, relation, right, and }: Condition, notation: Notation): string {
  const parts = [
    renderExpression(left, notation),
    renderRelation(relation, notation),
    renderExpression(right, notation),
  ];
  return `${parts.join(" ")}${and ? `, ${comparison(and, notation)}` : ""}`;
}

/** `for z_h1 > 0`. */
export function renderCondition(condition: Condition, notation: Notation): string {
  const written = comparison(condition, notation);
  return notation === "tex" ? `\\quad \\text{for } ${written}` : `  for ${written}`;
}
