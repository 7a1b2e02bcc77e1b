// Above each column of the drawing: how many neurons, and which activation.

import { type ActivationName, activationNames } from "../../index.ts";
import { element } from "../dom.ts";
import { type Column, nextWidth } from "./fold.ts";
import type { NetworkLayout } from "./networkLayout.ts";
import type { Update } from "./panel.ts";
import { type HiddenLayer, mostLayers, mostNeurons, type PlaygroundState } from "./state.ts";

export interface LayerHeads {
  show(state: PlaygroundState): void;
  /** The elements, where the columns are. They outlast a change of the drawing, so that the keyboard keeps its place. */
  place(columns: readonly Column[], layout: NetworkLayout): HTMLElement[];
  changeLayers(change: -1 | 1): void;
  canChangeLayers(change: -1 | 1): boolean;
}

interface Head {
  readonly element: HTMLElement;
  readonly count: HTMLElement;
  readonly fewer: HTMLButtonElement;
  readonly more: HTMLButtonElement;
  readonly activation: HTMLSelectElement;
}

class Heads implements LayerHeads {
  readonly #update: Update;
  readonly #inputs = element("div", { class: "layer-head" }, element("strong", {}, "Inputs"));
  readonly #output = element("div", { class: "layer-head" }, element("strong", {}, "Output"));
  readonly #heads: Head[] = [];
  #layers: readonly HiddenLayer[] = [];

  constructor(update: Update) {
    this.#update = update;
  }

  show({ layers }: PlaygroundState): void {
    this.#layers = layers;
    while (this.#heads.length < layers.length) this.#heads.push(this.#createHead(this.#heads.length));
    for (const [at, { width, activation }] of layers.entries()) {
      const head = this.#heads[at]!;
      head.count.textContent = String(width);
      head.fewer.disabled = width <= 1;
      head.more.disabled = width >= mostNeurons;
      head.activation.value = activation;
    }
  }

  place(columns: readonly Column[], layout: NetworkLayout): HTMLElement[] {
    return columns.flatMap((column, at) => {
      if (column.kind === "gap") return [];
      const head = this.#headOf(column.layer);
      head.style.left = `${layout.columns[at]![0]!.x.toFixed(1)}px`;
      return [head];
    });
  }

  #headOf(layer: number): HTMLElement {
    if (layer < 0) return this.#inputs;
    return layer === this.#layers.length ? this.#output : this.#heads[layer]!.element;
  }

  canChangeLayers(change: -1 | 1): boolean {
    return change < 0 ? this.#layers.length > 0 : this.#layers.length < mostLayers;
  }

  changeLayers(change: -1 | 1): void {
    if (!this.canChangeLayers(change)) return;
    const last = this.#layers[this.#layers.length - 1] ?? { width: 4, activation: "tanh" };
    this.#update({ layers: change < 0 ? this.#layers.slice(0, -1) : [...this.#layers, last] });
  }

  #changeLayer(at: number, change: Partial<HiddenLayer>): void {
    this.#update({ layers: this.#layers.map((layer, index) => (index === at ? { ...layer, ...change } : layer)) });
  }

  #createHead(at: number): Head {
    const name = `layer ${at + 1}`;
    const widen = (by: -1 | 1) => (): void =>
      this.#changeLayer(at, { width: nextWidth(this.#layers[at]!.width, by, mostNeurons) });
    const fewer = element(
      "button",
      { type: "button", "aria-label": `Fewer neurons in ${name}`, onclick: widen(-1) },
      "−",
    );
    const more = element("button", { type: "button", "aria-label": `More neurons in ${name}`, onclick: widen(1) }, "+");
    const count = element("span", { class: "numbers" });
    const activation = element(
      "select",
      {
        "aria-label": `Activation of ${name}`,
        onchange: () => this.#changeLayer(at, { activation: activation.value as ActivationName }),
      },
      ...activationNames.map((one) => element("option", { value: one }, one)),
    );
    const stepper = element("div", { class: "stepper" }, fewer, count, more);
    return { element: element("div", { class: "layer-head" }, stepper, activation), count, fewer, more, activation };
  }
}

export const createHeads = (update: Update): LayerHeads => new Heads(update);
