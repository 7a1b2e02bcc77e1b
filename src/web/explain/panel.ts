// The stop in words and formulas, beside the drawing.

import { element } from "../dom.ts";
import { type CopyFormat, copyFormats } from "./copy.ts";
import { formulaOf } from "./formula.ts";
import type { Lesson } from "./lesson.ts";
import type { Digits } from "./shownDigits.ts";
import type { Stop } from "./stop.ts";

export interface Panel {
  readonly element: HTMLElement;
  show(lesson: Lesson, stop: number, digits: Digits): void;
}

const rules: readonly (readonly [name: string, rule: string, formula: string])[] = [
  ["Forward", "Each node sums its inputs and applies the sigmoid.", "z = Σ w·x + b,  a = 1/(1 + e⁻ᶻ)"],
  ["Loss", "How far the answer is from the target.", "L = ½·(a − t)²"],
  ["Backward", "The chain rule carries the gradient back.", "δ = ∂L/∂z = ∂L/∂a · a′"],
  ["Update", "Each number moves against its gradient.", "w ← w − η·∂L/∂w"],
];

const ruleList = (): HTMLElement =>
  element(
    "dl",
    { class: "rules" },
    ...rules.flatMap(([name, rule, formula]) => [
      element("dt", {}, name),
      element("dd", {}, rule, element("span", { class: "rule-formula" }, formula)),
    ]),
  );

function bodyOf({ kind, lines }: Stop, digits: Digits, takeStep: () => void): HTMLElement[] {
  if (kind === "given") return [ruleList()];
  if (kind !== "after") return lines.map((line) => formulaOf(line, digits));
  const button = element(
    "button",
    { type: "button", class: "primary", onclick: takeStep },
    "Continue from the new numbers",
  );
  return [element("div", { class: "row" }, button)];
}

/** What is longer than its place is a stop of the keyboard, which scrolls it. */
function letScroll(body: HTMLElement): void {
  if (body.scrollHeight > body.clientHeight) body.setAttribute("tabindex", "0");
  else body.removeAttribute("tabindex");
}

export interface PanelActions {
  /** Takes over the updated numbers. */
  readonly takeStep: () => void;
  /** Copies all formulas of the step. */
  readonly copy: (format: CopyFormat) => void;
}

const createFoot = (copy: PanelActions["copy"]): HTMLElement => {
  const button = (format: CopyFormat, label: string): HTMLElement =>
    element("button", { type: "button", "aria-label": `Copy as ${label}`, onclick: () => copy(format) }, label);
  return element(
    "div",
    { class: "row foot" },
    element("span", { class: "quiet" }, "Copy as"),
    ...(Object.entries(copyFormats) as [CopyFormat, string][]).map(([format, label]) => button(format, label)),
  );
};

export function createPanel({ takeStep, copy }: PanelActions): Panel {
  const part = element("p", { class: "part-name" });
  const title = element("h2", {});
  const sentence = element("p", { class: "sentence" });
  const body = element("div", { class: "formulas", role: "group", "aria-label": "Formulas" });
  new ResizeObserver(() => letScroll(body)).observe(body); // ends with the element
  const words = element("div", { class: "words", "aria-live": "polite", "aria-atomic": "true" }, part, title, sentence);
  return {
    element: element("section", { class: "card panel", "aria-label": "This stop" }, words, body, createFoot(copy)),
    show: ({ stops }, at, digits) => {
      const stop = stops[at]!;
      part.textContent = stop.part;
      title.textContent = stop.title;
      sentence.textContent = stop.sentence;
      body.classList.toggle("many", stop.kind !== "given" && stop.lines.length > 2);
      body.replaceChildren(...bodyOf(stop, digits, takeStep));
      body.scrollTop = 0;
      letScroll(body);
    },
  };
}
