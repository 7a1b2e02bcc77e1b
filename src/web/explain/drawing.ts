// The network as an SVG: inputs blue, weights red, biases grey, target orange; z, a and δ in each node once they are known.

import { svg } from "../dom.ts";
import { fitTexts } from "./fitText.ts";
import { biases, type Box, edgeOf, type Layout, links, type Point } from "./layout.ts";
import type { Lesson } from "./lesson.ts";
import type { Part } from "./lights.ts";
import { names, readNumber } from "./numbers.ts";
import { type Digits, writeNumber, writeShorter } from "./shownDigits.ts";

/** What the drawing shows. */
export interface Shown {
  readonly lesson: Lesson;
  /** Symbols whose values are known at this stop. */
  readonly known: ReadonlySet<string>;
  /** Parts that this stop speaks of. */
  readonly now: ReadonlySet<Part>;
  readonly digits: Digits;
}

export interface Drawing {
  readonly element: SVGSVGElement;
  show(shown: Shown): void;
  /** Lights parts and dims all others; undefined lets go. */
  light(parts: ReadonlySet<Part> | undefined): void;
}

const subscripts = "₀₁₂₃₄₅₆₇₈₉";

/** `w₁₀`: names are letters and digits. */
const withSubscript = (name: string): string =>
  name.replace(/\d/g, (digit) => subscripts[Number(digit)]!).replaceAll("_", "");

type Lines = readonly [first: string, second?: string];

function rectangle({ x, y }: Point, { width, height }: Box, paint: string): SVGElement {
  return svg("rect", { class: paint, x: x - width / 2, y: y - height / 2, width, height, rx: 9 });
}

const text = (kind: string, { x, y }: Point): SVGTextElement =>
  svg("text", { class: kind, x, y, "text-anchor": "middle", "dominant-baseline": "central" });

/** One or two centred lines of text. */
function lineWriter(center: Point, spread: number) {
  const first = text("first", center);
  const second = text("second", { x: center.x, y: center.y + spread });
  const write = (...[above, below]: Lines): void => {
    first.textContent = above;
    second.textContent = below === undefined ? "" : ` ${below}`; // read as words of their own; not drawn
    first.setAttribute("y", String(below === undefined ? center.y + 1 : center.y - spread + 1));
  };
  return { nodes: [first, second], write };
}

/** A part that can be edited: a button to the keyboard and to readers of the page. */
const editable = (kind: string, part: Part, ...children: SVGElement[]): SVGGElement =>
  svg("g", { class: `part ${kind}`, "data-part": part, tabindex: "0", role: "button" }, ...children);

type Painter = (shown: Shown) => void;

/** The parts as they are drawn, and how each follows what is shown. */
class Builder {
  readonly layout: Layout;
  readonly painters: Painter[] = [];
  /** Texts whose length the numbers decide, with the room that each has. */
  readonly rooms = new Map<SVGTextElement, number>();

  constructor(layout: Layout) {
    this.layout = layout;
  }

  place(name: string): Point {
    return this.layout.places[name]!;
  }

  #line(kind: string, part: Part, from: Point, to: Point): SVGLineElement {
    return svg("line", { class: `link ${kind}`, "data-part": part, x1: from.x, y1: from.y, x2: to.x, y2: to.y });
  }

  links(): SVGElement[] {
    const { radius } = this.layout;
    return links.map(({ name, from, to }) => {
      const line = this.#line("weight", name, this.place(from), edgeOf(this.place(from), this.place(to), radius + 5));
      this.painters.push(({ lesson }) => {
        const value = readNumber(lesson.start, name);
        line.style.strokeWidth = String(1.2 + 1.6 * Math.min(Math.abs(value), 2));
        line.classList.toggle("negative", value < 0);
        line.setAttribute("marker-end", `url(#arrow-${value < 0 ? "negative" : "weight"})`);
      });
      return line;
    });
  }

  /** Thin links are hard to point at: wide ones that nobody sees lie above them. */
  grips(): SVGElement[] {
    return links.map(({ name, from, to }) => {
      const line = this.#line("grip", name, this.place(from), this.place(to));
      line.setAttribute("aria-hidden", "true");
      return line;
    });
  }

  biasLinks(): SVGElement[] {
    return biases.map(({ name, to }) => {
      const from = this.layout.labels[name]!;
      const node = this.place(to);
      const line = this.#line("bias", name, from, edgeOf(from, node, this.layout.radius + 5));
      line.setAttribute("marker-end", "url(#arrow-bias)");
      return line;
    });
  }

  lossLinks(): SVGElement[] {
    const { radius, box } = this.layout;
    const [y, loss, target] = [this.place("y"), this.place("L"), this.place("t")];
    const reach = y.x === loss.x ? box.height / 2 : box.width / 2;
    const output = this.#line("loss", "L", edgeOf(loss, y, radius), edgeOf(y, loss, reach + 5));
    const wanted = this.#line("loss", "t", target, edgeOf(target, loss, box.height / 2 + 5));
    for (const line of [output, wanted]) line.setAttribute("marker-end", "url(#arrow-loss)");
    return [output, wanted];
  }

  /** Weights and biases: the value, and below it the gradient, or the new value. */
  labels(): SVGElement[] {
    const { label, name: layout } = this.layout;
    const all = [...links.map(({ name }) => [name, "weight"]), ...biases.map(({ name }) => [name, "bias"])];
    return (all as [string, string][]).map(([name, kind]) => {
      const center = this.layout.labels[name]!;
      const { nodes, write } = lineWriter(center, label.height / 4.4);
      const group = editable(kind, name, rectangle(center, label, "plate"), ...nodes);
      for (const node of nodes) this.rooms.set(node, label.width - 8);
      this.painters.push((shown) => {
        const number = readNumber(shown.lesson.start, name);
        const value = writeNumber(number, shown.digits);
        group.classList.toggle("negative", kind === "weight" && number < 0);
        const extra = extraOf(shown, name);
        const below = extra && (layout === "tall" ? extra.short : extra.long);
        write(`${withSubscript(name)} = ${value}`, below);
        group.setAttribute(
          "aria-label",
          [`${withSubscript(name)} = ${value}`, below, "edit"].filter(Boolean).join(" "),
        );
      });
      return group;
    });
  }

  /** Inputs and the target. */
  givens(): SVGElement[] {
    const all = [...names.inputs.map((name) => [name, "input"]), ...names.targets.map((name) => [name, "target"])];
    return (all as [string, string][]).map(([name, kind]) => {
      const { nodes, write } = lineWriter(this.place(name), 0);
      const group = editable(kind, name, rectangle(this.place(name), this.layout.box, "plate"), ...nodes);
      for (const node of nodes) this.rooms.set(node, this.layout.box.width - 10);
      this.painters.push(({ lesson, digits }) => {
        const written = writeNumber(readNumber(lesson.start, name), digits);
        write(`${kind === "target" ? "target " : ""}${withSubscript(name)} = ${written}`);
        group.setAttribute("aria-label", `${kind} ${withSubscript(name)} = ${written} edit`);
      });
      return group;
    });
  }

  lossBox(): SVGElement {
    const { nodes, write } = lineWriter(this.place("L"), 0);
    for (const node of nodes) this.rooms.set(node, this.layout.box.width - 10);
    this.painters.push(({ lesson, known, digits }) =>
      write(`L = ${known.has("L") ? writeNumber(lesson.trace.losses[0]!, digits) : "?"}`),
    );
    return svg(
      "g",
      { class: "part loss", "data-part": "L" },
      rectangle(this.place("L"), this.layout.box, "plate"),
      ...nodes,
    );
  }

  nodes(): SVGElement[] {
    return names.nodes.flatMap((layer, index) => layer.map((name, node) => this.#node(name, index, node)));
  }

  #node(name: string, layer: number, node: number): SVGElement {
    const { x, y } = this.place(name);
    const { radius } = this.layout;
    const step = radius * 0.345;
    const rows = ["name", "z", "a", "delta"].map((kind, row) => text(kind, { x, y: y + (row - 1.6) * step }));
    for (const [row, element] of rows.entries()) this.rooms.set(element, radius * [1.4, 1.8, 1.85, 1.5][row]!);
    this.painters.push(({ lesson: { trace }, known, digits }) => {
      const write = (symbol: string, values: readonly ArrayLike<number>[]): string =>
        `${symbol} = ${known.has(`${symbol}_${name}`) ? writeNumber(values[layer]![node]!, digits) : "?"}`;
      const delta = known.has(`δ_${name}`) ? `δ = ${writeShorter(trace.dPreActivations[layer]![node]!, digits)}` : "";
      const written = [withSubscript(name), write("z", trace.preActivations), write("a", trace.activations), delta];
      for (const [row, element] of rows.entries()) element.textContent = written[row]!;
    });
    const circle = svg("circle", { class: "plate", cx: x, cy: y, r: radius });
    return svg("g", { class: "part node", "data-part": name }, circle, ...rows);
  }
}

/** What stands below a parameter's value: its gradient, or its new value. */
function extraOf(
  { lesson: { trace, lines }, known, digits }: Shown,
  name: string,
): { long: string; short: string } | undefined {
  const line = lines.find(({ section, quantity }) => section === "gradients" && quantity.text === `∂L/∂${name}`)!;
  if (known.has(`→${name}`)) {
    const updated = lines.find(({ section, quantity }) => section === "update" && quantity.text === name)!.result;
    return { long: `new: ${writeNumber(updated, digits)}`, short: `→ ${writeNumber(updated, digits)}` };
  }
  if (!known.has(`∂L/∂${name}`) || trace.losses.length === 0) return undefined;
  const gradient = writeShorter(line.result, digits);
  return { long: `∂L/∂${withSubscript(name)} = ${gradient}`, short: `∂ = ${gradient}` };
}

const arrow = (kind: string, name = kind): SVGElement =>
  svg(
    "marker",
    {
      id: `arrow-${name}`,
      class: kind,
      viewBox: "0 0 10 10",
      refX: 8,
      refY: 5,
      markerWidth: 9,
      markerHeight: 9,
      orient: "auto",
      markerUnits: "userSpaceOnUse",
    },
    svg("path", { d: "M0 0.5 10 5 0 9.5z" }),
  );

/** Draws the network in a layout. The parts carry `data-part`. */
export function createDrawing(layout: Layout): Drawing {
  const build = new Builder(layout);
  const { width, height } = layout.size;
  const element = svg(
    "svg",
    { class: `drawing ${layout.name}`, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "The network" },
    svg("defs", {}, arrow("weight"), arrow("weight negative", "negative"), arrow("bias"), arrow("loss")),
    ...build.biasLinks(),
    ...build.lossLinks(),
    ...build.links(),
    ...build.grips(),
    ...build.nodes(),
    build.lossBox(),
    ...build.givens(),
    ...build.labels(),
  );
  const mark = (kind: string, parts: ReadonlySet<Part>): void => {
    for (const part of element.querySelectorAll<SVGElement>("[data-part]")) {
      part.classList.toggle(kind, parts.has(part.dataset.part!));
    }
  };
  return {
    element,
    show: (shown) => {
      for (const paint of build.painters) paint(shown);
      fitTexts(build.rooms);
      element.classList.toggle("walking", shown.now.size > 0);
      mark("now", shown.now);
    },
    light: (parts) => {
      element.classList.toggle("pointing", parts !== undefined);
      mark("lit", parts ?? new Set());
    },
  };
}
