// The large map: the output over the plane, the points, and a probe that reads values and paints.

import { element, svg } from "../dom.ts";
import { colorAt, cssColor, paintValues, type Ramps } from "./colors.ts";
import { contour } from "./contour.ts";
import { formatNumber } from "./format.ts";
import { extent, type Point } from "./points.ts";

export const brushNames = ["off", "positive", "negative", "erase"] as const;
export type BrushName = (typeof brushNames)[number];

/** Points within this distance are erased; a stroke leaves points this far apart. */
const eraseRadius = 0.5;
const strokeDistance = 0.35;
/** What an arrow key moves the probe by, and with Shift. */
const arrowStep = 0.25;
const arrowLeap = 1;

export interface Shown {
  readonly training: readonly Point[];
  readonly test: readonly Point[];
  readonly showsTest: boolean;
  readonly discretizes: boolean;
}

export interface SurfaceOptions {
  /** Points were painted or erased: what is left of all of them. */
  readonly onPaint: (points: readonly Point[]) => void;
  /** The probe moved; undefined: it left. */
  readonly onProbe: (text: string | undefined) => void;
}

const arrows: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

const distance = (a: { x1: number; x2: number }, b: { x1: number; x2: number }): number =>
  Math.hypot(a.x1 - b.x1, a.x2 - b.x2);

export class Surface {
  readonly element: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  /** The decision boundary. */
  readonly #line = svg("path", { class: "boundary", "vector-effect": "non-scaling-stroke" });
  readonly #lines = svg("svg", { "aria-hidden": "true", preserveAspectRatio: "none" }, this.#line);
  readonly #points: HTMLCanvasElement;
  readonly #options: SurfaceOptions;
  #ramps: Ramps;
  #values: Float32Array = new Float32Array(4);
  #scale = 1;
  #level: number | undefined;
  #shown: Shown = { training: [], test: [], showsTest: false, discretizes: false };
  #brush: BrushName = "off";
  #probe: { x1: number; x2: number } | undefined;
  #isKeyboard = false;
  #stroke: Point[] | undefined;
  #lastDab: { x1: number; x2: number } | undefined;
  readonly #resize: ResizeObserver;

  constructor(ramps: Ramps, options: SurfaceOptions) {
    this.#ramps = ramps;
    this.#options = options;
    this.canvas = element("canvas", { width: 2, height: 2, "aria-hidden": "true" });
    this.#points = element("canvas", {
      class: "points",
      tabindex: 0,
      role: "application",
      "aria-roledescription": "map",
      "aria-describedby": "surface-keys",
      onpointerdown: (event: PointerEvent) => this.#press(event),
      onpointermove: (event: PointerEvent) => this.#move(event),
      onpointerup: () => this.#endStroke(),
      onpointercancel: () => this.#endStroke(),
      onpointerleave: () => this.#leave(),
      onkeydown: (event: KeyboardEvent) => this.#key(event),
      onblur: () => this.#leave(),
    });
    this.element = element("div", { class: "surface" }, this.canvas, this.#lines, this.#points);
    this.#resize = new ResizeObserver(() => this.#drawPoints());
    this.#resize.observe(this.element);
  }

  set brush(brush: BrushName) {
    this.#brush = brush;
    this.element.classList.toggle("painting", brush !== "off");
  }

  set ramps(ramps: Ramps) {
    this.#ramps = ramps;
    this.#paint();
    this.#drawPoints();
  }

  /** @param scale value that the full colour stands for @param level where a line is drawn; undefined: nowhere */
  draw(values: Float32Array, scale: number, level: number | undefined): void {
    this.#level = level;
    this.#values = values;
    this.#scale = scale;
    this.#paint();
    if (this.#probe) this.#tell();
  }

  show(shown: Shown, label: string): void {
    this.#shown = shown;
    this.#points.setAttribute("aria-label", label);
    this.#paint();
    this.#drawPoints();
  }

  dispose(): void {
    this.#resize.disconnect();
  }

  #paint(): void {
    const cells = Math.round(Math.sqrt(this.#values.length));
    if (this.canvas.width !== cells) this.canvas.width = this.canvas.height = cells;
    const { discretizes } = this.#shown;
    const scaled = this.#values.map((value) => (discretizes ? Math.sign(value) : value / this.#scale));
    paintValues(this.canvas, scaled, this.#ramps.maps);
    this.canvas.classList.toggle("discrete", discretizes);
    this.#drawLine(cells);
  }

  #drawLine(cells: number): void {
    const ends = this.#level === undefined ? [] : contour(this.#values, cells, this.#level);
    let d = "";
    const at = (place: number): string => (ends[place]! + 0.5).toFixed(2);
    for (let place = 0; place < ends.length; place += 4) {
      d += `M${at(place)} ${at(place + 1)}L${at(place + 2)} ${at(place + 3)}`;
    }
    this.#lines.setAttribute("viewBox", `0 0 ${cells} ${cells}`);
    this.#line.setAttribute("d", d);
  }

  #drawPoints(): void {
    const size = Math.round(this.element.clientWidth * devicePixelRatio);
    if (size === 0) return;
    if (this.#points.width !== size) this.#points.width = this.#points.height = size;
    const context = this.#points.getContext("2d")!;
    context.clearRect(0, 0, size, size);
    const points = this.#stroke ?? this.#shown.training;
    if (this.#shown.showsTest && !this.#stroke) for (const point of this.#shown.test) this.#dot(context, point, true);
    for (const point of points) this.#dot(context, point, false);
    if (this.#probe && this.#isKeyboard) this.#cross(context, this.#probe);
  }

  /** Circles for positive points, squares for negative ones: never by colour alone. Test points have a dark rim. */
  #dot(context: CanvasRenderingContext2D, point: Point, isTest: boolean): void {
    const { width } = context.canvas;
    const at = (x: number): number => ((x + extent) / (2 * extent)) * width;
    const radius = (width / 320) * 3.1;
    const [x, y] = [at(point.x1), width - at(point.x2)];
    context.beginPath();
    if (point.value >= 0) context.arc(x, y, radius, 0, 2 * Math.PI);
    else context.rect(x - radius * 0.85, y - radius * 0.85, radius * 1.7, radius * 1.7);
    context.fillStyle = cssColor(colorAt(this.#ramps.points, point.value));
    context.fill();
    context.lineWidth = (width / 320) * (isTest ? 1.4 : 1);
    context.strokeStyle = isTest ? this.#ramps.testRim : this.#ramps.rim;
    context.stroke();
  }

  #cross(context: CanvasRenderingContext2D, { x1, x2 }: { x1: number; x2: number }): void {
    const { width } = context.canvas;
    const at = (x: number): number => ((x + extent) / (2 * extent)) * width;
    const [x, y, reach] = [at(x1), width - at(x2), width / 30];
    for (const [color, line] of [
      ["#fff", 5],
      ["#000", 2],
    ] as const) {
      context.beginPath();
      context.moveTo(x - reach, y);
      context.lineTo(x + reach, y);
      context.moveTo(x, y - reach);
      context.lineTo(x, y + reach);
      context.strokeStyle = color;
      context.lineWidth = (line * width) / 320 / 1.5;
      context.stroke();
    }
  }

  #placeOf({ clientX, clientY }: PointerEvent): { x1: number; x2: number } {
    const { left, top, width, height } = this.#points.getBoundingClientRect();
    const clamp = (x: number): number => Math.min(extent, Math.max(-extent, x));
    return {
      x1: clamp(((clientX - left) / width) * 2 * extent - extent),
      x2: clamp(extent - ((clientY - top) / height) * 2 * extent),
    };
  }

  #press(event: PointerEvent): void {
    if (this.#brush === "off" || event.button !== 0) return;
    event.preventDefault();
    this.#points.setPointerCapture(event.pointerId);
    this.#points.focus({ preventScroll: true });
    this.#beginStroke();
    this.#dab(this.#placeOf(event));
  }

  #move(event: PointerEvent): void {
    this.#isKeyboard = false;
    this.#probe = this.#placeOf(event);
    if (this.#stroke && (!this.#lastDab || distance(this.#lastDab, this.#probe) > strokeDistance))
      this.#dab(this.#probe);
    this.#tell();
  }

  #leave(): void {
    if (this.#stroke) return;
    this.#probe = undefined;
    this.#options.onProbe(undefined);
    this.#drawPoints();
  }

  #beginStroke(): void {
    this.#stroke = [...this.#shown.training, ...this.#shown.test];
    this.#lastDab = undefined;
  }

  #dab(place: { x1: number; x2: number }): void {
    this.#lastDab = place;
    if (this.#brush === "erase") this.#stroke = this.#stroke!.filter((point) => distance(point, place) > eraseRadius);
    else this.#stroke!.push({ ...place, value: this.#brush === "positive" ? 1 : -1 });
    this.#drawPoints();
  }

  #endStroke(): void {
    const points = this.#stroke;
    if (!points) return;
    this.#stroke = undefined;
    this.#options.onPaint(points);
  }

  #key(event: KeyboardEvent): void {
    const arrow = arrows[event.key];
    if (arrow) {
      const by = event.shiftKey ? arrowLeap : arrowStep;
      const { x1, x2 } = this.#probe ?? { x1: 0, x2: 0 };
      const clamp = (x: number): number => Math.min(extent, Math.max(-extent, x));
      this.#probe = { x1: clamp(x1 + by * arrow[0]), x2: clamp(x2 + by * arrow[1]) };
      this.#isKeyboard = true;
      this.#tell();
      this.#drawPoints();
    } else if ((event.key === "Enter" || event.key === " ") && this.#brush !== "off" && this.#probe) {
      this.#beginStroke();
      this.#dab(this.#probe);
      this.#endStroke();
    } else return;
    event.preventDefault();
  }

  #tell(): void {
    const { x1, x2 } = this.#probe!;
    const cells = Math.round(Math.sqrt(this.#values.length));
    const cell = (x: number): number => Math.min(cells - 1, Math.floor(((x + extent) / (2 * extent)) * cells));
    const value = this.#values[cell(-x2) * cells + cell(x1)]!;
    this.#options.onProbe(`x₁ ${formatNumber(x1)}, x₂ ${formatNumber(x2)} → ${formatNumber(value)}`);
  }
}
