// The drawing in words and numbers: every weight and bias, with its sign.

import { type LayerShape, network } from "../../index.ts";
import { element } from "../dom.ts";
import { featureLabel } from "./features.ts";
import { formatNumber } from "./format.ts";
import type { Panel } from "./panel.ts";
import { networkOf } from "./setup.ts";
import type { PlaygroundState } from "./state.ts";

/** Between two redraws while it is open. */
const redrawMs = 500;

export class WeightsTable implements Panel {
  readonly element: HTMLDetailsElement;
  readonly #body = element("div", { class: "weights" });
  #state: PlaygroundState | undefined;
  #parameters: Float32Array | undefined;
  #drawnMs = 0;

  constructor() {
    const summary = element("summary", {}, "All weights as a table");
    this.element = element("details", { ontoggle: () => this.#draw() }, summary, this.#body);
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

  #draw(): void {
    const [state, parameters] = [this.#state, this.#parameters];
    if (!this.element.open || !state || !parameters) return;
    const { layers, parameterCount } = network(networkOf(state));
    if (parameters.length !== parameterCount) return;
    this.#drawnMs = performance.now();
    const tables = layers.map((layer) => this.#tableOf(layer, state, parameters));
    this.#body.replaceChildren(...tables);
  }

  #tableOf(
    { index, fanIn, fanOut, weightsOffset, biasOffset }: LayerShape,
    state: PlaygroundState,
    parameters: Float32Array,
  ): HTMLElement {
    const isOutput = index === state.layers.length;
    const caption = isOutput ? "Into the output" : `Into layer ${index + 1}`;
    const source = (at: number): string => (index === 0 ? featureLabel(state.features[at]!) : `${index}.${at + 1}`);
    const sink = (at: number): string => (isOutput ? "output" : `${index + 1}.${at + 1}`);
    const head = (text: string, scope: "row" | "col"): HTMLElement => element("th", { scope }, text);
    const line = (name: string, value: (unit: number) => number): HTMLElement =>
      element(
        "tr",
        {},
        head(name, "row"),
        ...Array.from({ length: fanOut }, (_, unit) => element("td", {}, formatNumber(value(unit)))),
      );
    const columns = Array.from({ length: fanOut }, (_, unit) => head(sink(unit), "col"));
    const table = element(
      "table",
      { class: "numbers" },
      element("caption", {}, caption),
      element("thead", {}, element("tr", {}, head("from", "col"), ...columns)),
      element(
        "tbody",
        {},
        ...Array.from({ length: fanIn }, (_, row) =>
          line(source(row), (unit) => parameters[weightsOffset + row * fanOut + unit]!),
        ),
        line("bias", (unit) => parameters[biasOffset + unit]!),
      ),
    );
    return element("div", { class: "table-scroller", tabindex: 0, role: "region", "aria-label": caption }, table);
  }
}
