// The links of the drawing: as wide as their weights, blue for positive, orange for negative.

import type { LayerShape, Network } from "../../index.ts";
import { svg } from "../dom.ts";
import { linkPath, linkWidth, type Place } from "./networkLayout.ts";

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

/** Links are drawn again this often where there are many. */
const manyLinks = 400;
const linksMs = 120;

export interface LinkOptions {
  readonly network: Network;
  readonly nodeSize: number;
  /** Centre of a neuron; layer −1 has the inputs. Undefined: it is not drawn. */
  readonly placeOf: (layer: number, unit: number) => Place | undefined;
  readonly nameOf: (layer: number, unit: number) => string;
}

export class NetworkLinks {
  readonly #options: LinkOptions;
  readonly #links: readonly Link[];
  #shownMs = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#links = options.network.layers.flatMap((layer) => this.#linksOf(layer));
  }

  /** Those that are seen, and above them those that are pointed at. */
  get paths(): readonly SVGPathElement[] {
    return [...this.#links.map(({ path }) => path), ...this.#links.flatMap(({ reach }) => reach ?? [])];
  }

  /** @param mayWait what is drawn already may stay for a while where there are many links */
  draw(parameters: Float32Array, mayWait: boolean): void {
    const nowMs = performance.now();
    if (mayWait && this.#links.length >= manyLinks && nowMs - this.#shownMs <= linksMs) return;
    this.#shownMs = nowMs;
    for (const link of this.#links) {
      const weight = parameters[link.index]!;
      const width = linkWidth(weight).toFixed(1);
      const isNegative = weight < 0;
      if (width !== link.width) link.path.setAttribute("stroke-width", (link.width = width));
      if (isNegative !== link.isNegative) link.path.classList.toggle("negative", (link.isNegative = isNegative));
    }
  }

  /** The link that an event is of. */
  find(target: EventTarget | null): Link | undefined {
    const index = (target as SVGElement | null)?.dataset.link;
    return this.#links.find((one) => String(one.index) === index);
  }

  #linksOf({ index: layer, fanIn, fanOut, weightsOffset }: LayerShape): Link[] {
    const { placeOf, nameOf, nodeSize, network } = this.#options;
    const links: Link[] = [];
    for (let at = 0; at < fanIn * fanOut; at++) {
      const [source, sink] = [Math.floor(at / fanOut), at % fanOut];
      const [from, to] = [placeOf(layer - 1, source), placeOf(layer, sink)];
      if (!from || !to) continue;
      const index = weightsOffset + at;
      const looks = { d: linkPath(from, to, nodeSize), "data-link": index };
      const path = svg("path", looks);
      const reach = network.parameterCount < manyLinks ? svg("path", { ...looks, class: "reach" }) : undefined;
      const name = `${nameOf(layer - 1, source)} → ${nameOf(layer, sink)}`;
      links.push({ path, reach, index, name, width: "", isNegative: undefined });
    }
    return links;
  }
}
