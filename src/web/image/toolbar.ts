import { element } from "../dom.ts";

/** What the reader can do with the picture and the network. */
export interface ToolbarActions {
  toggle(): void;
  reset(): void;
  setDetail(detail: number): void;
  zoomBy(times: number): void;
  showWhole(): void;
  choose(file: File): void;
  useBuiltIn(): void;
  savePainting(): void;
  saveNetwork(): void;
}

const details = [1, 2, 4];
const zoomStep = 1.5;

const button = (label: string, onclick: () => void, attributes: Record<string, string> = {}): HTMLButtonElement =>
  element("button", { type: "button", onclick, ...attributes }, label);

/** Buttons below the panes. */
export class Toolbar {
  readonly root: HTMLElement;
  readonly #play: HTMLButtonElement;
  readonly #detail: HTMLSelectElement;
  readonly #file = element("input", { type: "file", accept: "image/*", hidden: true });

  constructor(actions: ToolbarActions) {
    this.#play = button("Play", () => actions.toggle(), { class: "primary play" });
    const options = details.map((detail) => element("option", { value: detail }, `${detail}×`));
    this.#detail = element("select", { name: "detail" }, ...options);
    this.#detail.addEventListener("change", () => actions.setDetail(Number(this.#detail.value)));
    this.#file.addEventListener("change", () => {
      const [file] = this.#file.files ?? [];
      if (file) actions.choose(file);
      this.#file.value = ""; // so that the same file can be chosen again
    });
    const transport = element(
      "div",
      { class: "row" },
      this.#play,
      button("Reset", () => actions.reset()),
    );
    this.root = element("div", { class: "toolbar" }, transport, this.#look(actions), this.#files(actions));
  }

  #look(actions: ToolbarActions): HTMLElement {
    const detail = element("label", { class: "inline" }, element("span", {}, "Resolution"), this.#detail);
    return element(
      "div",
      { class: "row" },
      detail,
      button("−", () => actions.zoomBy(1 / zoomStep), { "aria-label": "Zoom out" }),
      button("+", () => actions.zoomBy(zoomStep), { "aria-label": "Zoom in" }),
      button("Fit", () => actions.showWhole(), { "aria-label": "Fit the picture to the view" }),
    );
  }

  #files(actions: ToolbarActions): HTMLElement {
    return element(
      "div",
      { class: "row" },
      this.#file,
      button("Upload image…", () => this.#file.click()),
      button("Sample image", () => actions.useBuiltIn(), { "aria-label": "Sample image: use the built-in picture" }),
      button("Save PNG", () => actions.savePainting()),
      button("Save weights", () => actions.saveNetwork()),
    );
  }

  show(isRunning: boolean, detail: number): void {
    this.#play.textContent = isRunning ? "Pause" : "Play";
    this.#detail.value = String(detail);
  }
}

/** Details that can be chosen. */
export const isDetail = (value: number): boolean => details.includes(value);
