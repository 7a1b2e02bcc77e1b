// The stop in words and formulas, beside the drawing.

import { element } from "../dom.ts";
import { formulaOf } from "./formula.ts";
import type { Lesson } from "./lesson.ts";
import type { Stop } from "./stop.ts";

export interface Panel {
  readonly element: HTMLElement;
  show(lesson: Lesson, stop: number): void;
}

const rules: readonly (readonly [name: string, rule: string, formula: string])[] = [
  ["Forward", "Each node sums up what comes in, and answers with a sigmoid.", "z = Σ w·x + b,  a = 1/(1 + e⁻ᶻ)"],
  ["Loss", "How far the answer is from the target.", "L = ½·(a − t)²"],
  ["Backward", "The chain rule hands the loss back, from the last node to the first.", "δ = ∂L/∂z = ∂L/∂a · a′"],
  ["Update", "Every weight and bias moves against its gradient.", "w ← w − η·∂L/∂w"],
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

function bodyOf({ kind, lines }: Stop, takeStep: () => void): HTMLElement[] {
  if (kind === "given") return [ruleList()];
  if (kind !== "after") return lines.map(formulaOf);
  const button = element(
    "button",
    { type: "button", class: "primary", onclick: takeStep },
    "Go on from the new numbers",
  );
  return [element("div", { class: "row" }, button)];
}

/** @param takeStep takes over the updated numbers */
export function createPanel(takeStep: () => void): Panel {
  const part = element("p", { class: "part-name" });
  const title = element("h2", {});
  const sentence = element("p", { class: "sentence" });
  const body = element("div", { class: "formulas" });
  const words = element("div", { class: "words", "aria-live": "polite", "aria-atomic": "true" }, part, title, sentence);
  return {
    element: element("section", { class: "card panel", "aria-label": "This stop" }, words, body),
    show: ({ stops }, at) => {
      const stop = stops[at]!;
      part.textContent = stop.part;
      title.textContent = stop.title;
      sentence.textContent = stop.sentence;
      body.classList.toggle("many", stop.lines.length > 3);
      body.replaceChildren(...bodyOf(stop, takeStep));
    },
  };
}
