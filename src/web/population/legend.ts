import { element } from "../dom.ts";
import { roughNumber } from "../shortNumber.ts";
import { type ColourRange, valueOfShare, viridis } from "./colourScale.ts";

const colourStops = 12;

/** What the colours stand for. */
export class Legend {
  readonly root: HTMLElement;
  readonly #bar = element("div", { class: "legend-bar" });
  readonly #numbers = element("div", { class: "legend-numbers numbers" });
  readonly #title = element("span", {});
  #shown = "";

  constructor() {
    const stopped = element("span", { class: "legend-stopped" }, element("span", { class: "swatch" }), "stopped");
    const head = element("div", { class: "legend-head" }, this.#title, stopped);
    this.root = element("div", { class: "legend" }, head, this.#bar, this.#numbers);
  }

  show(title: string, range: ColourRange): void {
    const [low = "", middle = "", high = ""] = [0, 0.5, 1].map((share) => {
      const value = valueOfShare(range, share);
      return Number.isFinite(value) ? roughNumber(value) : "–";
    });
    const shown = [title, low, middle, high].join();
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#title.textContent = title;
    const stops = Array.from({ length: colourStops }, (_, index) => {
      const share = index / (colourStops - 1);
      return `rgb(${viridis(range.brightIsLow ? 1 - share : share).join(" ")})`;
    });
    this.#bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
    this.#numbers.replaceChildren(...[`≤ ${low}`, middle, `≥ ${high}`].map((text) => element("span", {}, text)));
  }
}
