import { element } from "../../src/web/dom.ts";
import type { LoadFailure, LoadRow, RaceRecord } from "../race/record.ts";
import { formatBytes, formatMs } from "../race/units.ts";
import { loadChart } from "../report/charts.ts";
import { byId } from "./dom.ts";
import { Slot } from "./figures.ts";
import { scrollBox } from "./tables.ts";

type Load = NonNullable<RaceRecord["load"]>;

const titles = [
  "contender",
  "median",
  "lower quartile",
  "upper quartile",
  "scripts, gzipped",
  "wasm, gzipped",
  "pages",
];

function cellsOf(row: LoadRow | LoadFailure): readonly HTMLElement[] {
  if (!("samples" in row)) {
    const why = element("span", { class: "why" }, element("strong", {}, "failed"), ` ${row.reason}`);
    return [element("td", { class: "words long", colspan: titles.length - 1 }, why)];
  }
  const { summary, samples, scriptBytes, scriptGzipBytes, wasmBytes, wasmGzipBytes } = row;
  const sizes = [
    `${formatBytes(scriptBytes)}, ${formatBytes(scriptGzipBytes)}`,
    wasmBytes > 0 ? `${formatBytes(wasmBytes)}, ${formatBytes(wasmGzipBytes)}` : "none",
  ];
  const times = [summary.median, summary.lowerQuartile, summary.upperQuartile].map(formatMs);
  return [...times, ...sizes, String(samples.length)].map((text) => element("td", {}, text));
}

function loadTable(load: Load): HTMLElement {
  const head = element("tr", {}, ...titles.map((title) => element("th", { scope: "col" }, title)));
  const lines = load.map((row) =>
    element(
      "tr",
      { class: !("samples" in row) && "failed" },
      element("th", { scope: "row" }, row.label),
      ...cellsOf(row),
    ),
  );
  const label = "Figures: load of a page";
  const table = element("table", { "aria-label": label }, element("thead", {}, head), element("tbody", {}, ...lines));
  return scrollBox(label, table);
}

/** How long fresh pages took to their first step: measured from outside, so that only opened results have it. */
export class LoadFigure {
  readonly #section = byId("load", HTMLElement);
  readonly #slot = new Slot("load-figure");

  draw(record: RaceRecord | undefined): void {
    const load = record?.load;
    this.#section.hidden = !load || load.length === 0;
    if (!load || load.length === 0) return this.#slot.show([], undefined);
    this.#slot.show([load], () => ({
      title: "From opening a page to its first finished step",
      file: "load",
      draw: (options) => loadChart(load, options),
      table: loadTable(load),
    }));
  }
}
