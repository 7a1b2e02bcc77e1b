// What concerns all numbers: the learning rate, undo, the example's numbers.

import { element } from "../dom.ts";
import { exampleNumbers, learningRateName, parseNumber } from "./numbers.ts";
import { type Digits, digitChoices } from "./shownDigits.ts";
import type { State } from "./state.ts";

export interface NumbersBar {
  readonly element: HTMLElement;
  show(state: State): void;
}

const pressable = (label: string, press: () => void, title = label): HTMLButtonElement =>
  element("button", { type: "button", title, onclick: press }, label);

/** Says that a button does nothing now, without taking the focus from it. */
const setEnabled = (button: HTMLButtonElement, isEnabled: boolean): void =>
  button.setAttribute("aria-disabled", String(!isEnabled));

type Change = (name: string, value: number) => void;

function createRateField(change: Change): HTMLInputElement {
  const field = element("input", {
    type: "text",
    inputmode: "decimal",
    class: "rate",
    "aria-label": "Learning rate η",
  });
  field.addEventListener("change", () => {
    const parsed = parseNumber(learningRateName, field.value);
    field.setAttribute("aria-invalid", String(typeof parsed === "string"));
    field.title = typeof parsed === "string" ? parsed : "";
    if (typeof parsed === "number") change(learningRateName, parsed);
  });
  return field;
}

function createDigitsField(state: State): HTMLSelectElement {
  const field = element(
    "select",
    { class: "digits", title: "Digits of numbers in the drawing and of factors in formulas; results show all digits" },
    ...digitChoices.map((digits) => element("option", { value: digits }, digits)),
  );
  field.addEventListener("change", () => state.setDigits(field.value as Digits));
  return field;
}

/** @param change takes over a typed learning rate */
export function createNumbersBar(state: State, change: Change): NumbersBar {
  const rate = createRateField(change);
  const digits = createDigitsField(state);
  const undo = pressable("↶ Undo", () => state.undo(), "Undo (Ctrl-Z)");
  const redo = pressable("↷ Redo", () => state.redo(), "Redo (Ctrl-Shift-Z)");
  const original = pressable("Original numbers", () => {
    if (original.getAttribute("aria-disabled") !== "true") state.change({ numbers: exampleNumbers, losses: [] });
  });
  return {
    element: element(
      "div",
      { class: "numbers-bar row" },
      element("label", { class: "row rate-label" }, element("span", {}, "Learning rate η"), rate),
      element("label", { class: "row" }, element("span", {}, "Digits"), digits),
      element("span", { class: "row" }, undo, redo, original),
    ),
    show: ({ now: { numbers, losses }, digits: shown, canUndo, canRedo }) => {
      digits.value = shown;
      rate.value = String(numbers.learningRate);
      rate.removeAttribute("aria-invalid");
      setEnabled(undo, canUndo);
      setEnabled(redo, canRedo);
      setEnabled(original, numbers !== exampleNumbers || losses.length > 0);
    },
  };
}
