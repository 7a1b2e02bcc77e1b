// Leaves out the controls that the address hides, and offers to show them again.

import { element } from "../dom.ts";
import type { Panel, Update } from "./panel.ts";
import type { PlaygroundState } from "./state.ts";

/** Elements carry the name of their group in `data-group`; the style sheet takes out those that the root names in `data-hide`. */
export class HiddenNote implements Panel {
  readonly element: HTMLElement;
  readonly #root: HTMLElement;

  constructor(root: HTMLElement, update: Update) {
    this.#root = root;
    const all = element("button", { type: "button", onclick: () => update({ hidden: [] }) }, "Show all controls");
    const text = element("span", { class: "quiet" }, "This link hides some controls.");
    this.element = element("div", { class: "row hidden-note" }, text, all);
  }

  show({ hidden }: PlaygroundState): void {
    this.element.hidden = hidden.length === 0;
    this.#root.dataset.hide = hidden.join(" ");
  }
}
