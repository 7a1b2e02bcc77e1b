import { download, element } from "../../src/web/dom.ts";
import { writeRecord } from "../race/readRecord.ts";
import type { RaceRecord } from "../race/record.ts";
import { toCsv } from "../report/csv.ts";
import { placeOf } from "../report/order.ts";
import { button, byId } from "./dom.ts";
import { showError } from "./messages.ts";
import { fileName, formatDate, plural, pointCount, type Source } from "./sources.ts";
import type { State, Store } from "./store.ts";

/** Where and when it was made, and how much of it there is. */
function remarkOn(source: Source): string {
  const { record } = source;
  const amount = plural(pointCount(source), "point");
  if (!record) return `under way · ${amount}`;
  return [amount, placeOf(record), formatDate(record.machine.date)].join(" · ");
}

/** Writes a file; why it could not be written is shown. */
function save(record: RaceRecord, kind: "json" | "csv"): void {
  try {
    if (kind === "json")
      download(`${fileName(record)}.json`, new Blob([writeRecord(record)], { type: "application/json" }));
    else download(`${fileName(record)}.csv`, new Blob([toCsv(record)], { type: "text/csv" }));
  } catch (error) {
    showError(error);
  }
}

function saveButtons(record: RaceRecord, name: string): readonly HTMLElement[] {
  return (["json", "csv"] as const).map((kind) =>
    button(`Save ${kind.toUpperCase()}`, () => save(record, kind), {
      class: "small",
      "data-save": kind,
      "aria-label": `Save ${kind.toUpperCase()}: ${name}`,
    }),
  );
}

function itemOf(source: Source, isShown: boolean, store: Store): HTMLElement {
  const { id, name, record } = source;
  const radio = element("input", { type: "radio", name: "source", id: `source-${id}`, value: id });
  radio.checked = isShown;
  radio.addEventListener("change", () => store.change({ shownId: id }));
  const remark = element("small", {}, remarkOn(source));
  const label = element("label", { class: "line" }, radio, element("span", {}, name, " ", remark));
  const remove = button("Remove", () => store.remove(id), { class: "small", "aria-label": `Remove ${name}` });
  const buttons = record ? [...saveButtons(record, name), remove] : [];
  return element("li", {}, label, element("span", { class: "row" }, ...buttons));
}

/** All results on the page, one of them shown. */
export class SourceList {
  readonly #place = byId("source-list", HTMLElement);
  readonly #empty = byId("empty", HTMLElement);
  #last: readonly unknown[] = [];

  /** The keyboard stays where it was, or goes to the result that is shown now. */
  draw({ sources, shownId }: State, store: Store): void {
    const now = [...sources, shownId];
    if (now.length === this.#last.length && now.every((part, at) => part === this.#last[at])) return;
    this.#last = now;
    this.#empty.hidden = sources.length > 0;
    const focused = this.#place.contains(document.activeElement) ? document.activeElement : undefined;
    const items = sources.map((source) => itemOf(source, source.id === shownId, store));
    this.#place.replaceChildren(
      items.length > 0
        ? element("ul", { class: "source-items", "aria-label": "Results, one of them shown" }, ...items)
        : "",
    );
    if (!focused) return;
    const same = [...this.#place.querySelectorAll<HTMLElement>("input, button")].find((one) => isSame(one, focused));
    (same ?? document.getElementById(`source-${shownId}`) ?? byId("import", HTMLElement)).focus();
  }
}

const isSame = (a: Element, b: Element): boolean =>
  a.id === b.id && a.getAttribute("aria-label") === b.getAttribute("aria-label");
