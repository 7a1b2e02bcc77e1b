// The network: inputs, hidden layers with a small map in each neuron, the output; links as wide as their weights.

import { type LayerShape, network, type Network } from "../../index.ts";
import { element, svg } from "../dom.ts";
import { type ColorRamp, paintValues } from "./colors.ts";
import { featureLabel, featureNames } from "./features.ts";
import { formatNumber } from "./format.ts";
import type { Neuron } from "./frame.ts";
import { gridRows, mapCells } from "./grid.ts";
import { type LayerHeads, createHeads } from "./layerHeads.ts";
import { isConstant, normalized } from "./neuronMaps.ts";
import { layoutNetwork, linkPath, linkWidth, type NetworkLayout, type Place } from "./networkLayout.ts";
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

/** A link and the parameter it shows. */
interface Link {
  readonly path: SVGPathElement;
  /** A wider one to point at, where there is room for it. */
  readonly reach: SVGPathElement | undefined;
  readonly index: number;
  readonly name: string;
  width: string;
  isNegative: boolean | undefined;
}

/** Links are drawn anew this often where there are many. */
const manyLinks = 400;
const linksMs = 120;

const nothing = "Point at a link or a neuron to read its number; press a link to change it.";

export class Drawing implements Panel {
  readonly element: HTMLElement;
  readonly #options: DrawingOptions;
  readonly #board = element("div", { class: "board" });
  readonly #scroller = element("div", { class: "board-scroller" }, this.#board);
  readonly #status = element("p", { class: "quiet numbers reading" }, nothing);
  readonly #count = element("span", { class: "numbers" });
  readonly #fewer: HTMLButtonElement;
  readonly #more: HTMLButtonElement;
  readonly #resize: ResizeObserver;
  #ramp: ColorRamp;
  #state: PlaygroundState | undefined;
  #network: Network | undefined;
  #key = "";
  #heads: LayerHeads | undefined;
  #links: Link[] = [];
  #maps: HTMLCanvasElement[] = [];
  #output: HTMLCanvasElement | undefined;
  #parameters: Float32Array | undefined;
  #details: Float32Array | undefined;
  #linksShownMs = 0;

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

  /** @param maps of the hidden neurons; undefined where they are as before */
  draw(parameters: Float32Array, maps: Float32Array | undefined, surface: HTMLCanvasElement | undefined): void {
    if (parameters.length !== this.#network?.parameterCount) return; // of a network that has gone
    this.#parameters = parameters;
    if (maps) this.#details = maps;
    const nowMs = performance.now();
    if (this.#links.length < manyLinks || nowMs - this.#linksShownMs > linksMs) {
      this.#linksShownMs = nowMs;
      this.#drawLinks(parameters);
    }
    if (maps) this.#drawMaps(maps);
    const output = this.#output?.getContext("2d");
    if (surface && output) output.drawImage(surface, 0, 0, mapCells, mapCells);
  }

  dispose(): void {
    this.#resize.disconnect();
  }

  #drawLinks(parameters: Float32Array): void {
    for (const link of this.#links) {
      const weight = parameters[link.index]!;
      const width = linkWidth(weight).toFixed(1);
      const isNegative = weight < 0;
      if (width !== link.width) link.path.setAttribute("stroke-width", (link.width = width));
      if (isNegative !== link.isNegative) link.path.classList.toggle("negative", (link.isNegative = isNegative));
    }
  }

  #drawMaps(maps: Float32Array): void {
    const cells = mapCells * mapCells;
    for (const [at, canvas] of this.#maps.entries()) {
      const own = maps.subarray(at * cells, (at + 1) * cells);
      if (own.length !== cells) continue;
      paintValues(canvas, normalized(own), this.#ramp);
      canvas.parentElement!.classList.toggle("constant", isConstant(own));
    }
  }

  /** Lays the nodes out anew, where the network or the room for it has changed. */
  #build(): void {
    const state = this.#state;
    const room = this.#scroller.clientWidth;
    if (!state || room === 0) return;
    const key = JSON.stringify([room, state.features, state.layers.map(({ width }) => width)]);
    if (key === this.#key) return;
    this.#key = key;
    const counts = [featureNames.length, ...state.layers.map(({ width }) => width), 1];
    const layout = layoutNetwork(counts, room);
    this.#board.style.width = `${layout.width}px`;
    this.#board.style.height = `${layout.height}px`;
    this.#scroller.toggleAttribute("tabindex", false);
    if (layout.width > room + 1) this.#scroller.setAttribute("tabindex", "0");
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.node : undefined;
    this.#board.replaceChildren(
      this.#drawing(layout),
      ...this.#heads!.place(layout),
      ...this.#featureNodes(layout),
      ...this.#hiddenNodes(layout),
      this.#outputNode(layout),
    );
    if (focused !== undefined) this.#board.querySelector<HTMLElement>(`[data-node="${focused}"]`)?.focus();
    if (this.#parameters?.length === this.#network!.parameterCount) {
      this.#drawLinks(this.#parameters);
      if (this.#details) this.#drawMaps(this.#details);
    }
  }

  #drawing(layout: NetworkLayout): SVGSVGElement {
    this.#links = this.#network!.layers.flatMap((layer) => this.#linksOf(layout, layer));
    const paths = [...this.#links.map(({ path }) => path), ...this.#links.flatMap(({ reach }) => reach ?? [])];
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
      ...paths,
    );
  }

  #linksOf(layout: NetworkLayout, { index, fanIn, fanOut, weightsOffset }: LayerShape): Link[] {
    const { features } = this.#state!;
    const all = layout.columns[index]!;
    const from = index === 0 ? features.map((name) => all[featureNames.indexOf(name)]!) : all;
    const to = layout.columns[index + 1]!;
    return Array.from({ length: fanIn * fanOut }, (_, at) => {
      const [source, sink] = [Math.floor(at / fanOut), at % fanOut];
      const d = linkPath(from[source]!, to[sink]!, layout.nodeSize);
      const link = { d, "data-link": weightsOffset + at };
      const path = svg("path", link);
      const reach = this.#network!.parameterCount < manyLinks ? svg("path", { ...link, class: "reach" }) : undefined;
      const name = `${this.#nameOf(index - 1, source)} → ${this.#nameOf(index, sink)}`;
      return { path, reach, index: weightsOffset + at, name, width: "", isNegative: undefined };
    });
  }

  #nameOf(layer: number, unit: number): string {
    if (layer < 0) return featureLabel(this.#state!.features[unit]!);
    return layer === this.#state!.layers.length ? "output" : `neuron ${layer + 1}.${unit + 1}`;
  }

  readonly #readLink = (event: PointerEvent): void => {
    const index = (event.target as SVGElement).dataset.link;
    const link = this.#links.find((one) => String(one.index) === index);
    if (!link) return;
    this.#status.textContent = `${link.name}: weight ${formatNumber(this.#parameters?.[link.index] ?? 0)}`;
    link.path.classList.add("lit");
  };

  readonly #pressLink = (event: PointerEvent): void => {
    const index = (event.target as SVGElement).dataset.link;
    if (index !== undefined) this.#options.onLink(Number(index));
  };

  readonly #readNothing = (): void => {
    this.#status.textContent = nothing;
    this.#board.querySelector(".lit")?.classList.remove("lit");
  };

  #place({ x, y }: Place, size: number): string {
    return `left:${(x - size / 2).toFixed(1)}px;top:${(y - size / 2).toFixed(1)}px;width:${size}px;height:${size}px`;
  }

  #featureNodes({ columns, nodeSize }: NetworkLayout): HTMLElement[] {
    const { features } = this.#state!;
    return featureNames.map((name, at) => {
      const canvas = element("canvas", { width: mapCells, height: mapCells });
      paintValues(canvas, normalized(gridRows([name], mapCells)), this.#ramp);
      const isOn = features.includes(name);
      const toggle = (): void => {
        const wanted = featureNames.filter((one) => (one === name ? !isOn : features.includes(one)));
        if (wanted.length > 0) this.#options.update({ features: wanted });
        else this.#status.textContent = "The network needs at least one input.";
      };
      return element(
        "button",
        {
          type: "button",
          class: "node feature",
          style: this.#place(columns[0]![at]!, nodeSize),
          "aria-pressed": String(isOn),
          "data-node": name,
          onclick: toggle,
        },
        canvas,
        element("span", {}, featureLabel(name)),
      );
    });
  }

  #hiddenNodes({ columns, nodeSize }: NetworkLayout): HTMLElement[] {
    this.#maps = [];
    return this.#state!.layers.flatMap(({ width }, layer) =>
      Array.from({ length: width }, (_, unit) =>
        this.#hiddenNode({ layer, unit }, columns[layer + 1]![unit]!, nodeSize),
      ),
    );
  }

  #hiddenNode(neuron: Neuron, place: Place, nodeSize: number): HTMLElement {
    const { layer, unit } = neuron;
    const canvas = element("canvas", { width: mapCells, height: mapCells });
    this.#maps.push(canvas);
    const name = this.#nameOf(layer, unit);
    const look = (): void => {
      const bias = this.#parameters?.[this.#network!.layers[layer]!.biasOffset + unit];
      const says = canvas.parentElement!.classList.contains("constant") ? "it says the same everywhere" : "shown large";
      this.#status.textContent = `${name}: bias ${formatNumber(bias ?? 0)}; ${says}.`;
      this.#options.onNeuron(neuron);
    };
    const leave = (): void => {
      this.#readNothing();
      this.#options.onNeuron(undefined);
    };
    const events = { onpointerenter: look, onfocus: look, onpointerleave: leave, onblur: leave };
    const label = `${name[0]!.toUpperCase()}${name.slice(1)}: show its map`;
    const style = this.#place(place, nodeSize);
    const node = { type: "button", class: "node", style, "aria-label": label, "data-node": `${layer}.${unit}` };
    return element("button", { ...node, ...events }, canvas);
  }

  #outputNode({ columns, nodeSize }: NetworkLayout): HTMLElement {
    const canvas = element("canvas", { width: mapCells, height: mapCells });
    this.#output = canvas;
    const place = columns[columns.length - 1]![0]!;
    return element("div", { class: "node output", style: this.#place(place, nodeSize), "aria-hidden": "true" }, canvas);
  }
}
