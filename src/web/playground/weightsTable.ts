// The drawing in words and numbers: every weight and bias, with its sign; those of small networks can be changed.

import { type LayerShape, network } from "../../index.ts";
import { element } from "../dom.ts";
import { featureLabel } from "./features.ts";
import { formatNumber } from "./format.ts";
import type { Panel } from "./panel.ts";
import { networkOf } from "./setup.ts";
import type { PlaygroundState } from "./state.ts";

/** Between two redraws while it is open. */
const redrawMs = 500;
/** Parameters of the largest network whose numbers are fields. */
const mostFields = 400;
/** Parameters of the largest network that has a table at all. */
const mostCells = 6000;
/** Largest weight that may be typed. */
const largest = 1e6;

/** What shows a number: a field, or a cell. */
type Place = HTMLInputElement | HTMLTableCellElement;

/** "−0.5", "1,5" and "1e−3" as numbers. */
export function parseWeight(text: string): number | undefined {
  const value = Number(text.trim().replaceAll("−", "-").replace(",", "."));
  return text.trim() !== "" && Math.abs(value) <= largest ? value : undefined;
}

export class WeightsTable implements Panel {
  readonly element: HTMLDetailsElement;
  readonly #onEdit: (index: number, value: number) => void;
  readonly #body = element("div", { class: "weights" });
  #state: PlaygroundState | undefined;
  #parameters: Float32Array | undefined;
  #key = "";
  #places: Place[] = []; // by the number of their parameter
  #drawnMs = 0;

  /** @param onEdit a parameter was given another value */
  constructor(onEdit: (index: number, value: number) => void) {
    this.#onEdit = onEdit;
    const summary = element("summary", {}, "All weights as a table");
    this.element = element("details", { ontoggle: () => this.#draw(), "data-group": "weights" }, summary, this.#body);
  }

  show(state: PlaygroundState): void {
    this.#state = state;
  }

  /** @param isLast nothing follows by itself: it must be shown now */
  draw(parameters: Float32Array, isLast: boolean): void {
    this.#parameters = parameters;
    if (!this.element.open) return;
    if (isLast || performance.now() - this.#drawnMs > redrawMs) this.#draw();
  }

  /** Opens the table at a number. */
  goTo(index: number): void {
    this.element.open = true;
    this.#draw();
    const place = this.#places[index];
    if (!(place instanceof HTMLInputElement)) return;
    place.focus();
    place.select();
  }

  #draw(): void {
    const [state, parameters] = [this.#state, this.#parameters];
    if (!this.element.open || !state || !parameters) return;
    const { layers, parameterCount } = network(networkOf(state));
    if (parameters.length !== parameterCount) return;
    this.#drawnMs = performance.now();
    this.#build(layers, state, parameterCount);
    for (const [index, place] of this.#places.entries()) {
      const text = formatNumber(parameters[index]!);
      if (!(place instanceof HTMLInputElement)) place.textContent = text;
      else if (place !== document.activeElement) place.value = text;
    }
  }

  #build(layers: readonly LayerShape[], state: PlaygroundState, parameterCount: number): void {
    const key = JSON.stringify([state.features, state.layers.map(({ width }) => width)]);
    if (key === this.#key) return;
    this.#key = key;
    this.#places = [];
    if (parameterCount > mostCells) {
      const text = `${parameterCount} numbers are too many for a table; "Export" has them as a file.`;
      this.#body.replaceChildren(element("p", { class: "quiet" }, text));
      return;
    }
    const isEditable = parameterCount <= mostFields;
    this.#body.replaceChildren(...layers.map((layer) => this.#tableOf(layer, state, isEditable)));
  }

  #tableOf(
    { index, fanIn, fanOut, weightsOffset, biasOffset }: LayerShape,
    state: PlaygroundState,
    isEditable: boolean,
  ) {
    const isOutput = index === state.layers.length;
    const caption = isOutput ? "Into the output" : `Into layer ${index + 1}`;
    const source = (at: number): string => (index === 0 ? featureLabel(state.features[at]!) : `${index}.${at + 1}`);
    const sink = (at: number): string => (isOutput ? "output" : `${index + 1}.${at + 1}`);
    const units = Array.from({ length: fanOut }, (_, unit) => unit);
    const line = (name: string, first: number): HTMLElement =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, name),
        ...units.map((unit) => this.#cell(first + unit, `${name} to ${sink(unit)}`, isEditable)),
      );
    const rows = Array.from({ length: fanIn }, (_, row) => line(source(row), weightsOffset + row * fanOut));
    const heads = ["from", ...units.map(sink)].map((text) => element("th", { scope: "col" }, text));
    const table = element(
      "table",
      { class: "numbers" },
      element("caption", {}, caption),
      element("thead", {}, element("tr", {}, ...heads)),
      element("tbody", {}, ...rows, line("bias", biasOffset)),
    );
    return element("div", { class: "table-scroller", tabindex: 0, role: "region", "aria-label": caption }, table);
  }

  #cell(index: number, name: string, isEditable: boolean): HTMLElement {
    const cell = element("td", {});
    this.#places[index] = cell;
    if (!isEditable) return cell;
    const field = element("input", {
      type: "text",
      inputmode: "decimal",
      "aria-label": name,
      onchange: () => {
        const value = parseWeight(field.value);
        field.setAttribute("aria-invalid", String(value === undefined));
        if (value !== undefined) this.#onEdit(index, value);
      },
    });
    this.#places[index] = field;
    cell.append(field);
    return cell;
  }
}
