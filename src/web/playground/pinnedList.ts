// The pinned runs in words: what was trained, how well, and what there is under the pointer.

import { element } from "../dom.ts";
import { formatCount, formatNumber, formatPercent } from "./format.ts";
import type { PinnedRun } from "./pinnedRuns.ts";

export interface PinnedListOptions {
  readonly onRemove: (run: PinnedRun) => void;
}

/** As many colours as style sheet has: `--run-1` and so on. They come again after those. */
export const runColors = 7;

function resultOf({ entries }: PinnedRun): string {
  const { step, trainingLoss, testLoss, testAccuracy } = entries[entries.length - 1]!;
  const test = testLoss === undefined ? "" : `, test ${formatNumber(testLoss)}`;
  const accuracy = testAccuracy === undefined || Number.isNaN(testAccuracy) ? "" : ` (${formatPercent(testAccuracy)})`;
  return `step ${formatCount(step)}: loss ${formatNumber(trainingLoss)}${test}${accuracy}`;
}

export class PinnedList {
  readonly element = element("ul", { class: "pinned", "aria-label": "Pinned runs" });
  readonly #options: PinnedListOptions;
  #readings: HTMLElement[] = [];

  constructor(options: PinnedListOptions) {
    this.#options = options;
  }

  show(runs: readonly PinnedRun[]): void {
    this.#readings = runs.map(() => element("span", { class: "numbers reading" }));
    this.element.hidden = runs.length === 0;
    this.element.replaceChildren(...runs.map((run, at) => this.#item(run, at)));
  }

  /** What lies under the pointer, one text a run; empty: nothing. */
  read(texts: readonly string[]): void {
    for (const [at, reading] of this.#readings.entries()) {
      const text = texts[at] ?? "";
      if (reading.textContent !== text) reading.textContent = text;
    }
  }

  #item(run: PinnedRun, at: number): HTMLElement {
    const { name, settings, address } = run;
    const key = element("span", {
      class: "key",
      style: `background: var(--run-${(at % runColors) + 1})`,
      "aria-hidden": "true",
    });
    const label = `Remove ${name}`;
    const remove = element(
      "button",
      { type: "button", "aria-label": label, title: label, onclick: () => this.#options.onRemove(run) },
      "×",
    );
    const open = element("a", { href: `#/playground?${address}`, title: "Restore its settings" }, name);
    const told = element("span", { class: "numbers" }, resultOf(run));
    const words = element(
      "div",
      {},
      open,
      " ",
      told,
      element("div", { class: "quiet" }, settings),
      this.#readings[at]!,
    );
    return element("li", {}, key, words, remove);
  }
}
