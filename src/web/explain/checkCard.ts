// The step three times: by the formulas in float64, by the GPU in float32, and without formulas by central differences.

import { compareDigits, doubleDigits, type StepLine } from "../../explain.ts";
import { element } from "../dom.ts";
import { parameters } from "./numbers.ts";
import type { Place } from "./protocol.ts";

/** @property lines with the device's results @property differences [parameterCount] */
export interface Checked {
  readonly lines: readonly StepLine[];
  readonly differences: Float64Array;
  readonly place: Place;
}

export interface CheckCard {
  readonly element: HTMLElement;
  show(checked: Checked): void;
  showBusy(isBusy: boolean): void;
  /** The numbers are others now. */
  clear(): void;
}

/** Nine digits, those that differ marked: underlined, and told to those who listen. */
function digitsBeside(reference: number, value: number): (Node | string)[] {
  const { same, differing, exponent } = compareDigits(reference, value);
  if (!differing) return [same, exponent];
  return [same, element("mark", { "aria-label": `differs from here: ${differing}` }, differing), exponent];
}

const indexOf = ({ quantity: { text } }: StepLine): number =>
  parameters.find(({ name }) => text === `∂L/∂${name}`)!.index;

function rowOf(line: StepLine, { differences, place }: Checked): HTMLTableRowElement {
  const { section, result, deviceResult } = line;
  const device = deviceResult === undefined ? ["–"] : digitsBeside(result, deviceResult);
  const beside = section === "gradients" ? digitsBeside(result, differences[indexOf(line)]!) : ["–"];
  const { text } = line.quantity;
  return element(
    "tr",
    { "data-quantity": text, "data-section": section },
    element("th", { scope: "row" }, section === "update" ? `new ${text}` : text),
    element("td", { class: "reference" }, doubleDigits(result)),
    ...(place.kind === "reference" ? [] : [element("td", { class: "device" }, ...device)]),
    element("td", { class: "differences" }, ...beside),
  );
}

const headings: Partial<Record<StepLine["section"], string>> = {
  forward: "Forward",
  loss: "Loss",
  factors: "Backward",
  gradients: "Gradients",
  update: "Update",
};

/** What all parts keep: without ∂L/∂a and a′, which only the formulas name. */
const shownLines = ({ lines }: Checked): StepLine[] =>
  lines.filter(({ section, quantity: { text } }) => section !== "given" && !/^(a′|∂L\/∂a)_/.test(text));

function tableOf(checked: Checked): HTMLElement {
  const heads = ["", "Formulas, CPU float64"];
  if (checked.place.kind !== "reference") heads.push(`${deviceWord(checked.place)} float32`);
  heads.push("Central differences");
  const groups = Map.groupBy(shownLines(checked), ({ section }) => section);
  const head = element(
    "tr",
    {},
    ...heads.map((text) => element(text ? "th" : "td", text ? { scope: "col" } : {}, text)),
  );
  return element(
    "table",
    { class: "numbers" },
    element("thead", {}, head),
    ...[...groups].map(([section, lines]) =>
      element(
        "tbody",
        {},
        element(
          "tr",
          { class: "group" },
          element("th", { colspan: heads.length, scope: "rowgroup" }, headings[section] ?? ""),
        ),
        ...lines.map((line) => rowOf(line, checked)),
      ),
    ),
  );
}

const worst = (values: readonly number[]): string => Math.max(0, ...values).toExponential(1);

/** What computed in float32. */
const deviceWord = ({ kind }: Place): string => (kind === "wasm" ? "WebAssembly" : "GPU");

function summaryOf({ lines, differences, place }: Checked): string {
  const gradients = lines.filter(({ section }) => section === "gradients");
  const offFormulas = worst(gradients.map((line) => Math.abs(line.result - differences[indexOf(line)]!)));
  const central = `central differences ${offFormulas}`;
  if (place.kind === "reference")
    return `Largest deviation from the formulas: ${central}. There is no other device to compare with: ${place.fallbackReason}.`;
  const off = lines.flatMap(({ result, deviceResult }) =>
    deviceResult === undefined ? [] : [Math.abs(result - deviceResult) / Math.max(Math.abs(result), 1e-12)],
  );
  return `Largest deviations from the formulas: ${place.kind === "wasm" ? "WebAssembly" : "GPU"} ${worst(off)} of the value, ${central}.`;
}

/** @param check is called with the button */
export function createCheckCard(check: () => void): CheckCard {
  let isBusy = false;
  const button = element("button", { type: "button", class: "check", onclick: () => !isBusy && check() }, "Check");
  const status = element("p", { class: "status", role: "status" });
  const table = element("div", {
    class: "scroll",
    tabindex: "0",
    role: "region",
    "aria-label": "Comparison",
    hidden: true,
  });
  const about =
    "Compares the formulas in float64, the device in float32, and each gradient by central differences: " +
    "the loss with its weight moved a little in both directions.";
  return {
    element: element(
      "section",
      { class: "card check-it", "aria-labelledby": "check-title" },
      element("h2", { id: "check-title" }, "Check the numbers"),
      element("p", { class: "quiet" }, about),
      element("div", { class: "row" }, button),
      status,
      table,
    ),
    show: (checked) => {
      status.textContent = `${summaryOf(checked)} Digits that differ are underlined.`;
      table.hidden = false;
      table.replaceChildren(tableOf(checked));
    },
    showBusy: (busy) => {
      isBusy = busy;
      button.setAttribute("aria-disabled", String(busy));
      if (busy) status.textContent = "Computing…";
    },
    clear: () => {
      if (!table.hidden) status.textContent = "The numbers have changed: check again.";
      table.hidden = true;
    },
  };
}
