import { element } from "../../src/web/dom.ts";
import type { Point, Race, TimedRow } from "../race/record.ts";
import { formatMs, significant } from "../race/units.ts";
import { baseOf, failedRows, fastestFirst, timedRows } from "../report/order.ts";
import { button, byId } from "./dom.ts";
import { shownSource, type State, type Store } from "./store.ts";
import { scrollBox } from "./tables.ts";

const timeOf = (row: TimedRow | undefined): string => (row ? formatMs(row.summary.median) : "—");

/** What the base's time is against the best of the others, by blocks of the same turn. */
function standing(base: TimedRow | undefined, best: TimedRow | undefined): string {
  if (!base || !best) return "—";
  const { median, lowerQuartile, upperQuartile } = best.ratio;
  if (lowerQuartile <= 1 && upperQuartile >= 1) return "too close to call";
  return median > 1 ? `${significant(median)}× faster` : `${significant(1 / median)}× slower`;
}

/** Rows without a time, by status: `1 wrong, 2 absent`. */
function lackOf(point: Point): string {
  const counts = new Map<string, number>();
  for (const { status } of failedRows(point)) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].map(([status, count]) => `${count} ${status}`).join(", ");
}

function lineOf(race: Race, point: Point, store: Store): HTMLElement {
  const rows = fastestFirst(timedRows(point));
  const baseName = baseOf([point]);
  const base = rows.find(({ contender }) => contender === baseName);
  const best = rows.find(({ contender }) => contender !== baseName);
  const show = button(
    point.description,
    () => {
      store.change({ race: race.name, point: point.name });
      byId("results", HTMLElement).scrollIntoView();
    },
    { class: "link" },
  );
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, show, element("small", {}, race.name)),
    element("td", {}, timeOf(base)),
    element("td", {}, timeOf(best), best && element("small", {}, best.label)),
    element("td", {}, standing(base, best)),
    element("td", {}, lackOf(point)),
  );
}

function tableOf(races: readonly Race[], store: Store): HTMLElement {
  const base = baseOf(races.flatMap(({ points }) => points));
  const titles = ["point", base, "fastest other", `${base} against it`, "without a time"];
  const head = element("tr", {}, ...titles.map((title) => element("th", { scope: "col" }, title)));
  const lines = races.flatMap((race) => race.points.map((point) => lineOf(race, point, store)));
  const table = element("table", {}, element("thead", {}, head), element("tbody", {}, ...lines));
  return scrollBox("Overview of all points", table);
}

/** A line per finished point of the shown result; each leads to its figures. */
export class Overview {
  readonly #section = byId("overview", HTMLElement);
  readonly #body = byId("overview-body", HTMLElement);
  #last: readonly Race[] | undefined;

  draw(state: State, store: Store): void {
    const races = shownSource(state)?.races;
    if (races === this.#last) return;
    this.#last = races;
    this.#section.hidden = !races || races.length === 0;
    this.#body.replaceChildren(races ? tableOf(races, store) : "");
  }
}
