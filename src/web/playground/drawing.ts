// The network: inputs, hidden layers with a small map in each neuron, the output; links as wide as their weights.

import { network, type Network } from "../../index.ts";
import { element, svg } from "../dom.ts";
import { type ColorRamp, paintValues } from "./colors.ts";
import { type Column, columnsOf, drawnUnits, gapRow, isFoldable, rowOf } from "./fold.ts";
import { featureLabel, featureNames } from "./features.ts";
import { formatNumber } from "./format.ts";
import type { FrameDetails, Neuron } from "./frame.ts";
import { gridRows, mapCells } from "./grid.ts";
import { type LayerHeads, createHeads } from "./layerHeads.ts";
import { normalized } from "./neuronMaps.ts";
import { NeuronNode } from "./neuronNode.ts";
import { describeStates } from "./neuronStates.ts";
import { layoutNetwork, type NetworkLayout, type Place, squareAt } from "./networkLayout.ts";
import { NetworkLinks } from "./networkLinks.ts";
import type { Panel, Update } from "./panel.ts";
import { networkOf } from "./setup.ts";
import type { PlaygroundState } from "./state.ts";

export interface DrawingOptions {
  readonly update: Update;
  /** A neuron is pointed at, or none any more. */
  readonly onNeuron: (neuron: Neuron | undefined) => void;
  /** A link was pressed: the number of its parameter. */
  readonly onLink: (index: number) => void;
}

const nothing = "Point at a link or a neuron to read its value; click a link to change it.";

export class Drawing implements Panel {
  readonly element: HTMLElement;
  readonly #options: DrawingOptions;
  readonly #board = element("div", { class: "board" });
  readonly #scroller = element("div", { class: "board-scroller" }, this.#board);
  readonly #status = element("p", { class: "quiet numbers reading" }, nothing);
  /** Neurons that learn nothing, in words. */
  readonly #marks = element("p", { class: "quiet numbers marks" });
  readonly #count = element("span", { class: "numbers" });
  readonly #fewer: HTMLButtonElement;
  readonly #more: HTMLButtonElement;
  readonly #resize: ResizeObserver;
  #ramp: ColorRamp;
  #state: PlaygroundState | undefined;
  #network: Network | undefined;
  #key = "";
  #heads: LayerHeads | undefined;
  #links: NetworkLinks | undefined;
  #columns: readonly Column[] = [];
  #isUnfolded = false;
  /** Of the neurons that have a map; undefined: of a layer that is folded away. */
  #neurons: (NeuronNode | undefined)[] = [];
  #output: HTMLCanvasElement | undefined;
  #parameters: Float32Array | undefined;
  #reading: (() => string) | undefined;
  #details: FrameDetails | undefined;

  constructor(ramp: ColorRamp, options: DrawingOptions) {
    this.#ramp = ramp;
    this.#options = options;
    const layers = (change: -1 | 1) => (): void => this.#heads?.changeLayers(change);
    this.#fewer = element("button", { type: "button", "aria-label": "Remove a layer", onclick: layers(-1) }, "−");
    this.#more = element("button", { type: "button", "aria-label": "Add a layer", onclick: layers(1) }, "+");
    const depth = element("div", { class: "row depth" }, this.#fewer, this.#count, this.#more);
    const head = element("div", { class: "row spread" }, element("h2", {}, "Network"), depth);
    this.element = element(
      "section",
      { class: "card network", "aria-label": "Network" },
      head,
      this.#scroller,
      this.#status,
      this.#marks,
    );
    this.#resize = new ResizeObserver(() => this.#build());
    this.#resize.observe(this.#scroller);
  }

  set ramp(ramp: ColorRamp) {
    this.#ramp = ramp;
    this.#key = "";
    this.#build();
  }

  show(state: PlaygroundState): void {
    this.#state = state;
    this.#network = network(networkOf(state));
    const { length } = state.layers;
    this.#count.textContent = length === 1 ? "1 hidden layer" : `${length} hidden layers`;
    this.#heads ??= createHeads(this.#options.update);
    this.#heads.show(state);
    this.#fewer.disabled = !this.#heads.canChangeLayers(-1);
    this.#more.disabled = !this.#heads.canChangeLayers(1);
    this.#build();
  }

  /** @param details with the maps of the hidden neurons; undefined where they are as before */
  draw(parameters: Float32Array, details: FrameDetails | undefined, surface: HTMLCanvasElement | undefined): void {
    if (parameters.length !== this.#network?.parameterCount) return; // of a network that has gone
    this.#parameters = parameters;
    if (details) this.#details = details;
    this.#links?.draw(parameters, true);
    if (details) this.#drawNeurons(details);
    if (this.#reading) this.#status.textContent = this.#reading();
    const output = this.#output?.getContext("2d");
    if (surface && output) output.drawImage(surface, 0, 0, mapCells, mapCells);
  }

  dispose(): void {
    this.#resize.disconnect();
  }

  #drawNeurons({ maps, states }: FrameDetails): void {
    const cells = mapCells * mapCells;
    for (const [at, node] of this.#neurons.entries()) {
      const own = maps.subarray(at * cells, (at + 1) * cells);
      const state = node && states[node.neuron.layer]?.[node.neuron.unit];
      if (state && own.length === cells) node.show(own, state, this.#ramp);
    }
    const marks = describeStates(states);
    if (this.#marks.textContent !== marks) this.#marks.textContent = marks;
  }

  /** Lays the nodes out again, where the network or the room for it has changed. */
  #build(): void {
    const state = this.#state;
    const room = this.#scroller.clientWidth;
    if (!state || room === 0) return;
    const key = JSON.stringify([room, state.features, state.layers.map(({ width }) => width), this.#isUnfolded]);
    if (key === this.#key) return;
    this.#key = key;
    const widths = state.layers.map(({ width }) => width);
    this.#columns = columnsOf(featureNames.length, widths, this.#isUnfolded);
    const counts = this.#columns.map(({ rows }) => rows);
    const layout = layoutNetwork(counts, room);
    this.#board.style.width = `${layout.width}px`;
    this.#board.style.height = `${layout.height}px`;
    this.#scroller.toggleAttribute("tabindex", false);
    if (layout.width > room + 1) this.#scroller.setAttribute("tabindex", "0");
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.node : undefined;
    this.#board.replaceChildren(
      this.#drawing(layout),
      ...this.#heads!.place(this.#columns, layout),
      ...this.#gaps(layout),
      ...this.#featureNodes(layout),
      ...this.#hiddenNodes(layout),
      this.#outputNode(layout),
    );
    if (focused !== undefined) this.#board.querySelector<HTMLElement>(`[data-node="${focused}"]`)?.focus();
    if (this.#parameters?.length === this.#network!.parameterCount) {
      this.#links!.draw(this.#parameters, false);
      if (this.#details) this.#drawNeurons(this.#details);
    }
  }

  #drawing(layout: NetworkLayout): SVGSVGElement {
    const network = this.#network!;
    const placeOf = (layer: number, unit: number): Place | undefined => this.#placeOf(layout, layer, unit);
    const nameOf = (layer: number, unit: number): string => this.#nameOf(layer, unit);
    this.#links = new NetworkLinks({ network, nodeSize: layout.nodeSize, placeOf, nameOf });
    const { width, height } = layout;
    return svg(
      "svg",
      {
        width,
        height,
        "aria-hidden": "true",
        onpointerover: this.#readLink,
        onpointerout: this.#readNothing,
        onclick: this.#pressLink,
      },
      ...this.#links.paths,
    );
  }

  /** Centre of a neuron, or of an input that the network sees; undefined where it is not drawn. */
  #placeOf({ columns }: NetworkLayout, layer: number, unit: number): Place | undefined {
    const at = this.#columns.findIndex((column) => column.kind === "layer" && column.layer === layer);
    const column = this.#columns[at];
    if (column?.kind !== "layer") return undefined;
    const drawn = layer < 0 ? featureNames.indexOf(this.#state!.features[unit]!) : column.units.indexOf(unit);
    return drawn < 0 ? undefined : columns[at]![rowOf(drawn, column.folded)];
  }

  /** What is not drawn, told where it would be. */
  #gaps({ columns, nodeSize }: NetworkLayout): HTMLElement[] {
    const at = ({ x, y }: Place): string => `left:${x.toFixed(1)}px;top:${y.toFixed(1)}px`;
    const gaps = this.#columns.flatMap((column, place): HTMLElement[] => {
      const rows = columns[place]!;
      if (column.kind === "gap") return [this.#foldButton(`+ ${column.layers} layers`, at(rows[0]!))];
      if (column.folded === 0) return [];
      const style = `${at(rows[gapRow]!)};height:${nodeSize}px`;
      return [element("span", { class: "gap", style }, `+ ${column.folded}`)];
    });
    const last = columns[columns.length - 1]![0]!;
    const isLong = this.#isUnfolded && isFoldable(this.#state!.layers.length);
    return isLong ? [...gaps, this.#foldButton("Fold", at({ x: last.x, y: last.y + 2 * nodeSize }))] : gaps;
  }

  #foldButton(label: string, style: string): HTMLElement {
    const onclick = (): void => {
      this.#isUnfolded = !this.#isUnfolded;
      this.#build();
      this.#board.querySelector<HTMLElement>("[data-node=fold]")?.focus();
    };
    const title = this.#isUnfolded ? "Show only the first and last layers" : "Show all layers";
    return element("button", { type: "button", class: "gap", style, title, "data-node": "fold", onclick }, label);
  }

  #nameOf(layer: number, unit: number): string {
    if (layer < 0) return featureLabel(this.#state!.features[unit]!);
    return layer === this.#state!.layers.length ? "output" : `neuron ${layer + 1}.${unit + 1}`;
  }

  /** The reading under the pointer is updated with every redraw. */
  #read(reading: () => string): void {
    this.#reading = reading;
    this.#status.textContent = reading();
  }

  readonly #readLink = (event: PointerEvent): void => {
    const link = this.#links!.find(event.target);
    if (!link) return;
    this.#read(() => `${link.name}: weight ${formatNumber(this.#parameters?.[link.index] ?? 0)}`);
    link.path.classList.add("lit");
  };

  readonly #pressLink = (event: PointerEvent): void => {
    const link = this.#links!.find(event.target);
    if (link) this.#options.onLink(link.index);
  };

  readonly #readNothing = (): void => {
    this.#read(() => nothing);
    this.#board.querySelector(".lit")?.classList.remove("lit");
  };

  #featureNodes({ columns, nodeSize }: NetworkLayout): HTMLElement[] {
    const { features } = this.#state!;
    return featureNames.map((name, at) => {
      const canvas = element("canvas", { width: mapCells, height: mapCells });
      paintValues(canvas, normalized(gridRows([name], mapCells)), this.#ramp);
      const isOn = features.includes(name);
      const toggle = (): void => {
        const wanted = featureNames.filter((one) => (one === name ? !isOn : features.includes(one)));
        if (this.#state!.hidden.includes("inputs")) this.#read(() => "The inputs of this link are fixed.");
        else if (wanted.length > 0) this.#options.update({ features: wanted });
        else this.#read(() => "The network needs at least one input.");
      };
      return element(
        "button",
        {
          type: "button",
          class: "node feature",
          style: squareAt(columns[0]![at]!, nodeSize),
          "aria-pressed": String(isOn),
          "data-node": name,
          onclick: toggle,
        },
        canvas,
        element("span", {}, featureLabel(name)),
      );
    });
  }

  #hiddenNodes(layout: NetworkLayout): HTMLElement[] {
    this.#neurons = [];
    return this.#state!.layers.flatMap(({ width }, layer) =>
      drawnUnits(width).flatMap((unit) => {
        const place = this.#placeOf(layout, layer, unit);
        if (place) return [this.#hiddenNode({ layer, unit }, place, layout.nodeSize)];
        this.#neurons.push(undefined);
        return [];
      }),
    );
  }

  #hiddenNode(neuron: Neuron, place: Place, nodeSize: number): HTMLElement {
    const { layer, unit } = neuron;
    const onLook = (): void => {
      this.#read(() => node.reading(this.#parameters?.[this.#network!.layers[layer]!.biasOffset + unit] ?? 0));
      this.#options.onNeuron(neuron);
    };
    const onLeave = (): void => {
      this.#readNothing();
      this.#options.onNeuron(undefined);
    };
    const [name, style] = [this.#nameOf(layer, unit), squareAt(place, nodeSize)];
    const node = new NeuronNode({ neuron, name, style, onLook, onLeave });
    this.#neurons.push(node);
    return node.element;
  }

  #outputNode({ columns, nodeSize }: NetworkLayout): HTMLElement {
    const canvas = element("canvas", { width: mapCells, height: mapCells });
    this.#output = canvas;
    const place = columns[columns.length - 1]![0]!;
    return element("div", { class: "node output", style: squareAt(place, nodeSize), "aria-hidden": "true" }, canvas);
  }
}
