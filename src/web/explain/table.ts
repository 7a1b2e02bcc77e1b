// The drawing in words: every number as text, and in fields of its own.

import { doubleDigits } from "../../explain.ts";
import { element } from "../dom.ts";
import type { Lesson } from "./lesson.ts";
import { learningRateName, names, numberNames, parameters, parseNumber, readNumber } from "./numbers.ts";

export interface NumbersTable {
  readonly element: HTMLElement;
  isOpen: boolean;
  show(lesson: Lesson): void;
}

function whatIs(name: string): string {
  if (names.inputs.includes(name)) return "input";
  if (names.targets.includes(name)) return "target";
  if (name === learningRateName) return "learning rate";
  const { layer, from, to } = parameters.find((each) => each.name === name)!;
  const node = names.nodes[layer]![to]!;
  return from === undefined ? `bias of ${node}` : `${(names.nodes[layer - 1] ?? names.inputs)[from]!} → ${node}`;
}

type Cell = (lesson: Lesson) => string;

const headRow = (...heads: readonly string[]): HTMLElement =>
  element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head))));

/** A field for one number. */
function fieldOf(name: string, change: (name: string, value: number) => void): HTMLInputElement {
  const field = element("input", { type: "text", inputmode: "decimal", "aria-label": `${name}, ${whatIs(name)}` });
  field.addEventListener("change", () => {
    const parsed = parseNumber(name, field.value);
    field.setAttribute("aria-invalid", String(typeof parsed === "string"));
    field.title = typeof parsed === "string" ? parsed : "";
    if (typeof parsed === "number") change(name, parsed);
  });
  return field;
}

/** Rows whose cells are rewritten where they change; fields keep the focus. */
class Rows {
  readonly #writers: ((lesson: Lesson) => void)[] = [];

  cells(cells: readonly Cell[]): HTMLElement[] {
    return cells.map((cell) => {
      const made = element("td", {});
      this.#writers.push((lesson) => (made.textContent = cell(lesson)));
      return made;
    });
  }

  field(name: string, change: (name: string, value: number) => void): HTMLElement {
    const field = fieldOf(name, change);
    this.#writers.push(({ start }) => {
      if (document.activeElement !== field || field.getAttribute("aria-invalid") !== "true") {
        field.value = String(readNumber(start, name));
        field.removeAttribute("aria-invalid");
      }
    });
    return element("td", {}, field);
  }

  write(lesson: Lesson): void {
    for (const write of this.#writers) write(lesson);
  }
}

const resultOf = ({ lines }: Lesson, section: string, text: string): string => {
  const line = lines.find((each) => each.section === section && each.quantity.text === text);
  return line ? doubleDigits(line.result) : "";
};

function numbersBody(rows: Rows, change: (name: string, value: number) => void): HTMLElement {
  const rowOf = (name: string): HTMLElement =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, name),
      element("td", {}, whatIs(name)),
      rows.field(name, change),
      ...rows.cells([
        (lesson) => resultOf(lesson, "gradients", `∂L/∂${name}`),
        (lesson) => resultOf(lesson, "update", name),
      ]),
    );
  return element("tbody", {}, ...numberNames.map(rowOf));
}

function nodesBody(rows: Rows): HTMLElement {
  const rowOf = (name: string): HTMLElement =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, name),
      ...rows.cells([
        (lesson) => resultOf(lesson, "forward", `z_${name}`),
        (lesson) => resultOf(lesson, "forward", `a_${name}`),
        (lesson) => resultOf(lesson, "factors", `δ_${name}`),
      ]),
    );
  return element("tbody", {}, ...names.nodes.flat().map(rowOf));
}

/** @param change takes over a typed number */
export function createNumbersTable(change: (name: string, value: number) => void): NumbersTable {
  const rows = new Rows();
  const wide = (label: string, ...children: HTMLElement[]): HTMLElement =>
    element(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
      element("table", { class: "numbers" }, ...children),
    );
  const lossLine = element("p", { class: "numbers" });
  const details = element(
    "details",
    { class: "card all-numbers" },
    element("summary", {}, element("h2", {}, "All numbers of this step")),
    element(
      "div",
      { class: "tables" },
      wide(
        "Weights and biases",
        headRow("name", "what", "value", "∂L/∂ of it", "after the step"),
        numbersBody(rows, change),
      ),
      element("div", {}, wide("Nodes", headRow("node", "z", "a", "δ = ∂L/∂z"), nodesBody(rows)), lossLine),
    ),
  );
  let newest: Lesson | undefined;
  const write = (): void => {
    if (!newest || !details.open) return;
    rows.write(newest);
    lossLine.textContent = `Loss L = ${resultOf(newest, "loss", "L")}`;
  };
  details.addEventListener("toggle", write);
  return {
    element: details,
    get isOpen() {
      return details.open;
    },
    set isOpen(isOpen) {
      details.open = isOpen;
      write(); // the event comes too late for a printer
    },
    show: (lesson) => {
      newest = lesson;
      write();
    },
  };
}
