// The learning rate over the steps, and the current step.

import { element, svg } from "../dom.ts";
import { formatCount, formatNumber } from "./format.ts";
import { type PlaygroundState } from "./state.ts";
import { rateFunction, scheduleLength, type ScheduleName } from "./schedules.ts";

const points = 240;
const [width, height, margin] = [240, 48, 3];

/** Lengths of a schedule that are drawn: of one without an end several. */
const lengths: Partial<Record<ScheduleName, number>> = { cosineRestarts: 3, step: 4 };

export class RateCurve {
  readonly element: HTMLElement;
  readonly #path = svg("path", { "vector-effect": "non-scaling-stroke" });
  readonly #picture = svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img" },
    this.#path,
  );
  readonly #dot = element("span", { class: "dot", "aria-hidden": "true" });
  readonly #caption = element("figcaption", { class: "quiet numbers" });
  #rateAt: (step: number) => number = () => 0;
  /** Steps that are drawn. */
  #steps = 1;
  #largest = 1;
  #step = 0;
  #isShare = false;

  constructor() {
    const frame = element("div", {}, this.#picture, this.#dot);
    this.element = element("figure", { class: "rate-curve" }, frame, this.#caption);
  }

  /** @param isShare shows a share of any rate */
  show(state: PlaygroundState, isShare: boolean): void {
    this.#isShare = isShare;
    this.element.hidden = state.schedule === "constant" && state.warmUp === 0;
    this.#rateAt = rateFunction(isShare ? { ...state, learningRate: 1 } : state);
    this.#steps = Math.max(1, Math.round(scheduleLength(state) * (lengths[state.schedule] ?? 1.2)));
    this.#draw();
    this.tell(this.#step);
  }

  /** The current step of the training. */
  tell(step: number): void {
    this.#step = step;
    if (this.element.hidden) return;
    const drawn = this.#steps;
    while (step > this.#steps) this.#steps *= 2;
    if (this.#steps !== drawn) this.#draw();
    const rate = this.#rateAt(step);
    this.#dot.style.left = `${(100 * step) / this.#steps}%`;
    this.#dot.style.top = `${(100 * this.#placeOf(rate)) / height}%`;
    this.#caption.textContent = `Rate at step ${formatCount(step)}: ${this.#text(rate)}`;
  }

  #text(rate: number): string {
    return this.#isShare ? `${formatNumber(100 * rate)} %` : formatNumber(rate);
  }

  #placeOf(rate: number): number {
    return height - margin - (height - 2 * margin) * (rate / this.#largest);
  }

  #draw(): void {
    const steps = Array.from({ length: points + 1 }, (_, at) => Math.round((at / points) * this.#steps));
    const rates = steps.map((step) => this.#rateAt(step));
    this.#largest = Math.max(...rates);
    const places = rates.map(
      (rate, at) => `${((steps[at]! / this.#steps) * width).toFixed(1)} ${this.#placeOf(rate).toFixed(1)}`,
    );
    this.#path.setAttribute("d", `M${places.join("L")}`);
    const ends = `from ${this.#text(rates[0]!)} to ${this.#text(rates[points]!)}`;
    const about = `Learning rate over ${formatCount(this.#steps)} steps: ${ends}, at most ${this.#text(this.#largest)}`;
    this.#picture.setAttribute("aria-label", about);
  }
}
