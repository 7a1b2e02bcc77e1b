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
  readonly #early = element(
    "span",
    { class: "legend-mark", hidden: true },
    element("span", { class: "swatch early" }),
    "stopped early",
  );
  #shown = "";

  constructor() {
    const diverged = element("span", { class: "legend-mark" }, element("span", { class: "swatch" }), "diverged");
    const marks = element("span", { class: "legend-marks" }, this.#early, diverged);
    const head = element("div", { class: "legend-head" }, this.#title, marks);
    this.root = element("div", { class: "legend" }, head, this.#bar, this.#numbers);
  }

  /** Whether networks may stop early. */
  showEarly(isShown: boolean): void {
    this.#early.hidden = !isShown;
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
