// A table that was opened: what was understood of it, and which columns are taken.

import { element } from "../dom.ts";
import { type Notice, notice } from "../notices.ts";
import { choicesOf, selectField } from "./controls.ts";
import type { ChosenColumns, ReadFile, TablePoints } from "./tablePoints.ts";

/** Counts readings and choices: what is not the newest one is not shown. */
let asked = 0;

/** What is wrong with the table, until something else is requested. */
let fault: Notice | undefined;

/** Does what was requested; `isNewest` says whether something else was requested meanwhile. What is wrong is told. */
async function attempt(work: (isNewest: () => boolean) => Promise<void>): Promise<void> {
  const own = ++asked;
  fault?.dismiss();
  try {
    await work(() => own === asked);
  } catch (error) {
    if (own === asked) fault = notice("bad", error instanceof Error ? error.message : String(error));
  }
}

class FilePanel {
  readonly #file: File;
  readonly #slot: HTMLElement;
  readonly #onPoints: (points: TablePoints) => void;
  readonly #summary = element("p", { class: "quiet" });
  readonly #notes = element("ul", { class: "quiet notes" });
  readonly #missing = element("input", { type: "text", placeholder: "-999, unknown", onchange: () => this.read() });
  readonly #missingField = element("label", { class: "field" }, element("span", {}, "Words that mean a missing value"), this.#missing); // prettier-ignore
  #columns: ChosenColumns | undefined;

  constructor(file: File, slot: HTMLElement, onPoints: (points: TablePoints) => void) {
    this.#file = file;
    this.#slot = slot;
    this.#onPoints = onPoints;
  }

  read(): Promise<void> {
    return attempt(async (isNewest) => {
      const { readFile } = await import("./tablePoints.ts");
      const bytes = new Uint8Array(await this.#file.arrayBuffer());
      const read = await readFile(bytes, this.#file.name, this.#missing.value.split(","));
      if (isNewest()) await this.#show(read, isNewest);
    });
  }

  async #show(read: ReadFile, isNewest: () => boolean): Promise<void> {
    const { numberColumns, table } = read;
    const { x1, x2 } = this.#columns ?? read.chosen;
    if (!numberColumns.includes(x1) || !numberColumns.includes(x2)) this.#columns = undefined;
    this.#columns ??= read.chosen;
    const field = (label: string, key: keyof ChosenColumns, names: readonly string[]): HTMLElement => {
      const onChange = (name: string): void => {
        this.#columns = { ...this.#columns!, [key]: name };
        void attempt((isNewestChoice) => this.#take(read, isNewestChoice));
      };
      const select = selectField({ label, choices: choicesOf(names), onChange });
      select.set(this.#columns![key]);
      return select.element;
    };
    const fields = [
      field("x₁", "x1", numberColumns),
      field("x₂", "x2", numberColumns),
      field("Predict", "target", table.columns.map(({ name }) => name)), // prettier-ignore
      this.#missingField,
    ];
    this.#slot.replaceChildren(element("div", { class: "fields file" }, ...fields), this.#summary, this.#notes);
    await this.#take(read, isNewest);
  }

  async #take(read: ReadFile, isNewest: () => boolean): Promise<void> {
    const { pointsOfTable } = await import("./tablePoints.ts");
    const points = await pointsOfTable(read, this.#columns!);
    if (!isNewest()) return;
    this.#summary.textContent = points.summary;
    this.#notes.replaceChildren(...points.notes.map((note) => element("li", {}, note)));
    this.#onPoints(points);
  }
}

/** Opens a table, shows its columns in `slot`, and hands its points over; what is wrong with it is told. */
export const openFile = (file: File, slot: HTMLElement, onPoints: (points: TablePoints) => void): Promise<void> =>
  new FilePanel(file, slot, onPoints).read();
