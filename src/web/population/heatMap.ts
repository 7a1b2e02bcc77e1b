// One cell for each network, coloured by how well it does.

import { element } from "../dom.ts";
import { type ColourRange, paintValues } from "./colourScale.ts";
import { axisLabels, cellOf, describeCell, networksOf, type PopulationGrid } from "./grid.ts";
import { type Tick, ticksOf } from "./ticks.ts";

/** Cells at least so large are marked where their network has diverged or stopped early; smaller ones that have diverged only lack a colour. */
const leastMarkedPx = 5;
const ticksEveryPx = { across: 80, down: 40 };

export interface HeatMapListeners {
  /** The pointer or the keys are on a network, or on none. */
  pointed(network: number | undefined): void;
  /** A network is to be opened. */
  opened(network: number): void;
}

const tickElement = ({ share, label }: Tick, side: "left" | "bottom"): HTMLElement =>
  element("span", { style: `${side}: ${(100 * share).toFixed(3)}%` }, label);

/** The map, with the numbers of its axes around it. */
export class HeatMap {
  readonly root: HTMLElement;
  readonly #canvas = element("canvas", { class: "cells" });
  readonly #columnTicks = element("div", { class: "column-ticks numbers", "aria-hidden": "true" });
  readonly #rowTicks = element("div", { class: "row-ticks numbers", "aria-hidden": "true" });
  readonly #columnTitle = element("div", { class: "column-title" });
  readonly #rowTitle = element("div", { class: "row-title" });
  readonly #frame: HTMLElement;
  readonly #listeners: HeatMapListeners;
  readonly #observer: ResizeObserver;
  readonly #picture = new OffscreenCanvas(1, 1);
  #grid: PopulationGrid | undefined;
  #values: Float32Array = new Float32Array();
  /** Steps after which networks have stopped early, −1 of those that continue. */
  #stoppedSteps: Float32Array | undefined;
  #colours: Uint8ClampedArray = new Uint8ClampedArray();
  #pointed: number | undefined;

  constructor(listeners: HeatMapListeners) {
    this.#listeners = listeners;
    this.#frame = element(
      "div",
      { class: "cells-frame", role: "application", tabindex: 0, "aria-roledescription": "heat map" },
      this.#canvas,
    );
    this.root = element(
      "div",
      { class: "heat-map" },
      this.#rowTitle,
      this.#rowTicks,
      this.#frame,
      this.#columnTicks,
      this.#columnTitle,
    );
    this.#listen();
    this.#observer = new ResizeObserver(() => {
      this.#layOut();
      this.#paint();
    });
    this.#observer.observe(this.#frame);
  }

  dispose(): void {
    this.#observer.disconnect();
  }

  setGrid(grid: PopulationGrid): void {
    this.#grid = grid;
    this.#pointed = undefined;
    this.clear();
    const [across, down] = [axisLabels[grid.columns.name], axisLabels[grid.rows.name]];
    this.#columnTitle.textContent = `${across} →`;
    this.#rowTitle.textContent = `${down} ↑`;
    this.#frame.setAttribute(
      "aria-label",
      `${networksOf(grid)} networks, ${across.toLowerCase()} from left to right, ${down.toLowerCase()} from bottom to top. ` +
        "Arrow keys move between networks, Enter opens one in the playground.",
    );
    this.#layOut();
    this.#paint();
  }

  /** Nothing is known of any network. */
  clear(): void {
    this.#values = new Float32Array();
    this.#stoppedSteps = undefined;
    Object.assign(this.#picture, { width: this.#grid?.columns.count ?? 1, height: this.#grid?.rows.count ?? 1 });
    this.#paint();
  }

  /** @param values [networks] @param stoppedSteps where networks may stop early, [networks]; −1: it continues */
  draw(values: Float32Array, range: ColourRange, stoppedSteps?: Float32Array): void {
    this.#values = values;
    this.#stoppedSteps = stoppedSteps;
    const { width, height } = this.#picture;
    const image = new ImageData(width, height);
    paintValues(image.data, values, range);
    this.#colours = image.data;
    this.#picture.getContext("2d")!.putImageData(image, 0, 0);
    this.#canvas.dataset.drawings = String(Number(this.#canvas.dataset.drawings ?? 0) + 1);
    this.#paint();
  }

  #layOut(): void {
    if (!this.#grid) return;
    const { clientWidth, clientHeight } = this.#frame;
    const { columns, rows } = this.#grid;
    const across = ticksOf(columns, Math.max(2, Math.floor(clientWidth / ticksEveryPx.across)));
    const down = ticksOf(rows, Math.max(2, Math.floor(clientHeight / ticksEveryPx.down)));
    this.#columnTicks.replaceChildren(...across.map((tick) => tickElement(tick, "left")));
    this.#rowTicks.replaceChildren(...down.map((tick) => tickElement(tick, "bottom")));
    const scale = devicePixelRatio;
    Object.assign(this.#canvas, { width: Math.round(clientWidth * scale), height: Math.round(clientHeight * scale) });
  }

  /** Rows go up, as numbers on an axis do. */
  #paint(): void {
    const grid = this.#grid;
    const context = this.#canvas.getContext("2d");
    if (!grid || !context) return;
    const { width, height } = this.#canvas;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    context.imageSmoothingEnabled = false;
    context.setTransform(1, 0, 0, -1, 0, height);
    context.drawImage(this.#picture, 0, 0, width, height);
    const [cellWidth, cellHeight] = [width / grid.columns.count, height / grid.rows.count];
    if (Math.min(cellWidth, cellHeight) >= leastMarkedPx * devicePixelRatio) {
      this.#markDiverged(context, grid);
      this.#markStopped(context, grid);
    }
    if (this.#pointed !== undefined) this.#markPointed(context, grid);
  }

  /** A dot, dark on bright colours and bright on dark ones. */
  #markStopped(context: CanvasRenderingContext2D, grid: PopulationGrid): void {
    const { width, height } = this.#canvas;
    const [cellWidth, cellHeight] = [width / grid.columns.count, height / grid.rows.count];
    const radius = Math.min(4 * devicePixelRatio, 0.16 * Math.min(cellWidth, cellHeight));
    const paths = { dark: new Path2D(), bright: new Path2D() };
    for (const [network, step] of (this.#stoppedSteps ?? []).entries()) {
      if (step < 0) continue;
      const { column, row } = cellOf(grid, network);
      const [x, y] = [(column + 0.5) * cellWidth, (row + 0.5) * cellHeight];
      const path = this.#colours[4 * network + 1]! > 110 ? paths.dark : paths.bright;
      path.moveTo(x + radius, y);
      path.arc(x, y, radius, 0, 2 * Math.PI);
    }
    context.fillStyle = "rgb(0 0 0 / 65%)";
    context.fill(paths.dark);
    context.fillStyle = "rgb(255 255 255 / 80%)";
    context.fill(paths.bright);
  }

  #markDiverged(context: CanvasRenderingContext2D, grid: PopulationGrid): void {
    const { width, height } = this.#canvas;
    const [cellWidth, cellHeight] = [width / grid.columns.count, height / grid.rows.count];
    context.beginPath();
    for (let network = 0; network < this.#values.length; network++) {
      if (Number.isFinite(this.#values[network])) continue;
      const { column, row } = cellOf(grid, network);
      context.moveTo((column + 0.25) * cellWidth, (row + 0.25) * cellHeight);
      context.lineTo((column + 0.75) * cellWidth, (row + 0.75) * cellHeight);
    }
    context.strokeStyle = getComputedStyle(this.#columnTicks).color;
    context.lineWidth = devicePixelRatio;
    context.stroke();
  }

  #markPointed(context: CanvasRenderingContext2D, grid: PopulationGrid): void {
    const { width, height } = this.#canvas;
    const { column, row } = cellOf(grid, this.#pointed!);
    const [cellWidth, cellHeight] = [width / grid.columns.count, height / grid.rows.count];
    const margin = 2 * devicePixelRatio;
    const [left, top] = [column * cellWidth - margin, row * cellHeight - margin];
    const [across, down] = [cellWidth + 2 * margin, cellHeight + 2 * margin];
    for (const [colour, lineWidth] of [
      ["black", 4],
      ["white", 2],
    ] as const) {
      context.strokeStyle = colour;
      context.lineWidth = lineWidth * devicePixelRatio;
      context.strokeRect(left, top, across, down);
    }
  }

  #point(network: number | undefined): void {
    if (network === this.#pointed) return;
    this.#pointed = network;
    this.#listeners.pointed(network);
    this.#paint();
  }

  #networkAt({ clientX, clientY }: MouseEvent): number | undefined {
    if (!this.#grid) return undefined;
    const { columns, rows } = this.#grid;
    const box = this.#canvas.getBoundingClientRect();
    const column = Math.floor(((clientX - box.left) / box.width) * columns.count);
    const row = rows.count - 1 - Math.floor(((clientY - box.top) / box.height) * rows.count);
    const isInside = column >= 0 && column < columns.count && row >= 0 && row < rows.count;
    return isInside ? row * columns.count + column : undefined;
  }

  #key(event: KeyboardEvent): void {
    const grid = this.#grid;
    if (!grid || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && this.#pointed !== undefined) this.#listeners.opened(this.#pointed);
    const stride = event.shiftKey ? 10 : 1;
    const moves: Readonly<Record<string, readonly [number, number]>> = {
      ArrowLeft: [-stride, 0],
      ArrowRight: [stride, 0],
      ArrowUp: [0, stride],
      ArrowDown: [0, -stride],
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    this.#moveBy(grid, move);
  }

  #moveBy(grid: PopulationGrid, [across, up]: readonly [number, number]): void {
    const last = { column: grid.columns.count - 1, row: grid.rows.count - 1 };
    const middle = { column: last.column >> 1, row: last.row >> 1 };
    const from = this.#pointed === undefined ? undefined : cellOf(grid, this.#pointed);
    const column = from ? Math.min(last.column, Math.max(0, from.column + across)) : middle.column;
    const row = from ? Math.min(last.row, Math.max(0, from.row + up)) : middle.row;
    const network = row * grid.columns.count + column;
    this.#point(network);
    this.#frame.setAttribute("aria-description", describeCell(grid, network));
  }

  #listen(): void {
    this.#canvas.addEventListener("pointermove", (event) => this.#point(this.#networkAt(event)));
    this.#canvas.addEventListener("pointerleave", () => this.#point(undefined));
    this.#canvas.addEventListener("click", (event) => {
      const network = this.#networkAt(event);
      if (network !== undefined) this.#listeners.opened(network);
    });
    this.#frame.addEventListener("keydown", (event) => this.#key(event));
    this.#frame.addEventListener("blur", () => this.#point(undefined));
  }
}
