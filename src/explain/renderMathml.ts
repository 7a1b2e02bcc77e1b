import { primitives } from "../math/primitives.ts";
import { shortDigits } from "./digits.ts";
import { constant } from "./expression.ts";
import type { Condition, Expression, Leaf } from "./expression.ts";
import { bindingOf } from "./render.ts";

/** `symbols` writes names, `numbers` the values of the same symbols. */
export type MathmlContent = "symbols" | "numbers";

/** Symbols, or how their values are written. */
type Content = "symbols" | ((value: number) => string);

const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escapeMarkup = (text: string): string => text.replace(/[&<>"]/g, (character) => entities[character]!);

const row = (...parts: readonly string[]): string => `<mrow>${parts.join("")}</mrow>`;
/** Words among formulas. */
export const mathmlWords = (text: string): string => `<mtext>${escapeMarkup(text)}</mtext>`;
const identifier = (text: string): string => `<mi>${escapeMarkup(text)}</mi>`;
const operator = (sign: string): string => `<mo form="infix">${escapeMarkup(sign)}</mo>`;
const fence = (sign: string): string => `<mo fence="true" stretchy="false">${sign}</mo>`;

/** `h1` is h with index 1, `h^(3)_1` has its layer on top, all else is words. */
function nameMarkup(name: string): string {
  const [, letter, layer, node] = /^(\p{L})(?:\^\((\d+)\)_)?(\d*)$/u.exec(name) ?? [];
  if (letter === undefined) return mathmlWords(name);
  const index = node ? `<mn>${node}</mn>` : "<mrow></mrow>";
  if (layer)
    return `<msubsup>${identifier(letter)}${index}<mrow>${fence("(")}<mn>${layer}</mn>${fence(")")}</mrow></msubsup>`;
  return node ? `<msub>${identifier(letter)}${index}</msub>` : identifier(letter);
}

/** `z_h1` has its node as index, `a′_h1` a prime too, `∂L/∂w1` is a fraction. */
function symbolMarkup(text: string): string {
  if (text.startsWith("∂L/∂")) {
    return `<mfrac>${row(identifier("∂"), identifier("L"))}${row(identifier("∂"), symbolMarkup(text.slice(4)))}</mfrac>`;
  }
  const [, letter, prime, node] = /^(\p{L})(′?)_(.+)$/u.exec(text) ?? [];
  if (letter === undefined) return nameMarkup(text);
  const base = prime ? row(identifier(letter), '<mo form="postfix" lspace="0" rspace="0">′</mo>') : identifier(letter);
  return `<msub>${base}${nameMarkup(node!)}</msub>`;
}

function numberMarkup(text: string): string {
  const [, sign, digits, exponent] = /^(-?)(.*?)(?:e\+?(-?\d+))?$/.exec(text)!;
  const size = /^[\d.½]/.test(digits!) ? `<mn>${digits}</mn>` : identifier(digits!.replace("Infinity", "∞"));
  const minus = sign ? '<mo form="prefix">−</mo>' : "";
  if (exponent === undefined) return `${minus}${size}`;
  const power = `<msup><mn>10</mn><mrow>${numberMarkup(exponent)}</mrow></msup>`;
  return `${minus}${size}${operator("·")}${power}`;
}

/** A number as MathML, its digits as given: `-1.5e-8`. */
export const renderNumber = (text: string): string => row(numberMarkup(text));

/** A symbol's element carries its text, so that a page can tell what is pointed at. */
function leafMarkup(leaf: Leaf, content: Content): string {
  if (leaf.kind === "constant") return row(leaf.text === "e" ? identifier("e") : numberMarkup(leaf.text));
  const shown = content === "symbols" ? symbolMarkup(leaf.text) : numberMarkup(content(leaf.value));
  return `<mrow data-symbol="${escapeMarkup(leaf.text)}">${shown}</mrow>`;
}

/** What decides on brackets: a value stands in the symbol's place. */
const inPlace = (inner: Expression, content: Content): Expression =>
  inner.kind === "symbol" && content !== "symbols" ? constant(inner.value, content(inner.value)) : inner;

const needsBrackets = (inner: Expression, atLeast: number, content: Content): boolean =>
  bindingOf(inPlace(inner, content)) < atLeast;

function bracketed(inner: Expression, atLeast: number, content: Content): string {
  const written = markup(inner, content);
  return needsBrackets(inner, atLeast, content) ? row(fence("("), written, fence(")")) : written;
}

function sumMarkup(terms: readonly Expression[], content: Content): string {
  return row(
    ...terms.map((term, at) => `${joint(term, at)}${bracketed(summand(term, at), at === 0 ? 2 : 3, content)}`),
  );
}

/** The sign before a term. */
const joint = (term: Expression, at: number): string => {
  if (at === 0) return "";
  return operator(term.kind === "negative" ? "−" : "+");
};
const summand = (term: Expression, at: number): Expression => (at > 0 && term.kind === "negative" ? term.of : term);

function markup(expression: Expression, content: Content): string {
  switch (expression.kind) {
    case "sum":
      return sumMarkup(expression.terms, content);
    case "product":
      return row(expression.factors.map((factor) => bracketed(factor, 3, content)).join(operator("·")));
    case "negative":
      return row('<mo form="prefix">−</mo>', bracketed(expression.of, 3, content));
    case "quotient":
      return `<mfrac>${row(markup(expression.numerator, content))}${row(markup(expression.denominator, content))}</mfrac>`;
    case "power":
      return `<msup>${row(bracketed(expression.base, 5, content))}${row(markup(expression.exponent, content))}</msup>`;
    case "call":
      return callMarkup(expression, content);
    default:
      return leafMarkup(expression, content);
  }
}

function callMarkup({ name, arguments: of }: Extract<Expression, { kind: "call" }>, content: Content): string {
  const inner = of.map((argument) => markup(argument, content)).join(operator(","));
  if (name === "absolute") return row(fence("|"), inner, fence("|"));
  return row(identifier(primitives[name].notation!.text), fence("("), inner, fence(")"));
}

/** Pieces of a sum inside brackets: the first carries the opening bracket, the last the closing one. */
function bracketPieces(inner: Expression, content: Content): string[] {
  const pieces = piecesOf(inner, content);
  const last = pieces.length - 1;
  return pieces.map((piece, at) => `${at === 0 ? fence("(") : ""}${piece}${at === last ? fence(")") : ""}`);
}

function piecesOf(expression: Expression, content: Content): string[] {
  if (expression.kind === "sum") {
    return expression.terms.flatMap((term, at) => {
      const [first = "", ...rest] = wrapped(summand(term, at), at === 0 ? 2 : 3, content);
      return [joint(term, at) + first, ...rest];
    });
  }
  if (expression.kind === "product") {
    return expression.factors.flatMap((factor, at) => {
      const [first = "", ...rest] = wrapped(factor, 3, content);
      return [(at === 0 ? "" : operator("·")) + first, ...rest];
    });
  }
  return [markup(expression, content)];
}

const wrapped = (inner: Expression, atLeast: number, content: Content): string[] =>
  needsBrackets(inner, atLeast, content) ? bracketPieces(inner, content) : piecesOf(inner, content);

/**
 * A formula as MathML in pieces, between which a line may break: each goes into its own `<math>`, in order.
 * Elements of symbols carry `data-symbol`, with their text as `StepLine` has it; all names are escaped.
 * @param write gives the digits of a value; default: six significant ones
 */
export const renderMathml = (
  expression: Expression,
  content: MathmlContent,
  write: (value: number) => string = shortDigits,
): readonly string[] => piecesOf(expression, content === "numbers" ? write : content).map((piece) => row(piece));

/** `z_h1 > 0` as MathML. */
export const renderConditionMathml = ({ left, relation, right, and }: Condition): string =>
  row(
    markup(left, "symbols"),
    operator(relation),
    markup(right, "symbols"),
    ...(and ? [operator(","), renderConditionMathml(and)] : []),
  );
