// A hidden neuron of the drawing: its small map, and whether it learns.

import { element } from "../dom.ts";
import { type ColorRamp, paintValues } from "./colors.ts";
import { formatNumber } from "./format.ts";
import type { Neuron } from "./frame.ts";
import { mapCells } from "./grid.ts";
import { isConstant, normalized } from "./neuronMaps.ts";
import type { NeuronState } from "./neuronStates.ts";

export interface NeuronNodeOptions {
  readonly neuron: Neuron;
  /** `neuron 1.3` */
  readonly name: string;
  /** Its place on the board. */
  readonly style: string;
  readonly onLook: () => void;
  readonly onLeave: () => void;
}

const readings: Record<NeuronState, string> = {
  live: "shown large",
  dead: "dead: its gradient is zero at every training point",
  saturated: "saturated: its activation is flat at nearly all training points, so gradients vanish",
};

export class NeuronNode {
  readonly element: HTMLElement;
  readonly neuron: Neuron;
  readonly #name: string;
  readonly #canvas = element("canvas", { width: mapCells, height: mapCells });
  #state: NeuronState = "live";
  #isConstant = false;

  constructor({ neuron, name, style, onLook, onLeave }: NeuronNodeOptions) {
    this.neuron = neuron;
    this.#name = name;
    const node = { type: "button" as const, class: "node", style, "data-node": `${neuron.layer}.${neuron.unit}` };
    const events = { onpointerenter: onLook, onfocus: onLook, onpointerleave: onLeave, onblur: onLeave };
    this.element = element("button", { ...node, ...events }, this.#canvas);
    this.#label();
  }

  /** @param map its activation [mapCells, mapCells] */
  show(map: Float32Array, state: NeuronState, ramp: ColorRamp): void {
    paintValues(this.#canvas, normalized(map), ramp);
    this.#isConstant = isConstant(map);
    this.element.classList.toggle("constant", this.#isConstant);
    if (state === this.#state) return;
    this.#state = state;
    this.element.dataset.state = state;
    this.#label();
  }

  /** Its reading under the pointer. */
  reading(bias: number): string {
    const says = this.#state === "live" && this.#isConstant ? "constant output" : readings[this.#state];
    return `${this.#name}: bias ${formatNumber(bias)}; ${says}.`;
  }

  #label(): void {
    const name = `${this.#name[0]!.toUpperCase()}${this.#name.slice(1)}`;
    const state = this.#state === "live" ? "" : `, ${this.#state}`;
    this.element.setAttribute("aria-label", `${name}${state}: show its map`);
  }
}
