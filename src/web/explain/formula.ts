// Formulas of the step as native MathML: the symbols, the same with numbers, the result.

import {
  doubleDigits,
  type Expression,
  type MathmlContent,
  renderConditionMathml,
  renderMathml,
  renderNumber,
  type StepLine,
} from "../../explain.ts";
import { element } from "../dom.ts";
import { type Digits, writeNumber } from "./shownDigits.ts";

/** MathML from markup of the library, which escapes all names. */
function math(markup: string): Element {
  const template = document.createElement("template");
  template.innerHTML = `<math>${markup}</math>`;
  return template.content.firstElementChild!;
}

/** Factors of the symbols can be focused: each lights what it comes from. */
function letFocus(piece: Element): Element {
  for (const symbol of piece.querySelectorAll("[data-symbol]")) symbol.setAttribute("tabindex", "0");
  return piece;
}

/** `= first · second · …`, a line of pieces that may break between them. */
function form(kind: MathmlContent | "result", relation: string, pieces: readonly string[]): HTMLElement {
  const sign = element("span", { class: "relation" }, relation);
  const body = element("span", { class: "pieces" });
  for (const piece of pieces) {
    const made = math(piece);
    body.append(kind === "symbols" ? letFocus(made) : made, "\u200b");
  }
  return element("div", { class: `form ${kind}` }, sign, body);
}

/** Where numbers say no more than the result does, as in ∂L/∂b1 = δ_h1. */
const isPlain = (expression: Expression): boolean => expression.kind === "symbol" || expression.kind === "constant";

function formsOf({ formula, chain, relation, condition }: StepLine, digits: Digits): HTMLElement[] {
  if (!formula) return [];
  const forms = [form("symbols", relation, renderMathml(formula, "symbols"))];
  if (chain) forms.push(form("symbols", "=", renderMathml(chain, "symbols")));
  if (condition) forms.push(form("symbols", "for", [renderConditionMathml(condition)]));
  const last = chain ?? formula;
  const write = (value: number): string => writeNumber(value, digits).replace("−", "-");
  if (!isPlain(last)) forms.push(form("numbers", "=", renderMathml(last, "numbers", write)));
  return forms;
}

/** One quantity of a stop: symbols, numbers, result. */
export function formulaOf(line: StepLine, digits: Digits): HTMLElement {
  const { quantity, result } = line;
  const exact = doubleDigits(result);
  const value = form("result", "=", [renderNumber(exact)]);
  value.querySelector(".pieces")!.setAttribute("data-digits", exact);
  return element(
    "div",
    { class: "formula", "data-quantity": quantity.text, "data-section": line.section },
    element("div", { class: "quantity" }, letFocus(math(renderMathml(quantity, "symbols").join("")))),
    element("div", { class: "forms" }, ...formsOf(line, digits), value),
  );
}
