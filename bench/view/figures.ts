import { download, element } from "../../src/web/dom.ts";
import type { Point, Race } from "../race/record.ts";
import { roundOf, titleOf, type Unit, type UnitName, unitNames, units } from "../race/units.ts";
import { barChart, sweepChart } from "../report/charts.ts";
import type { ChartOptions } from "../report/frame.ts";
import { baseOf, placeOf } from "../report/order.ts";
import { button, byId, fillSelect } from "./dom.ts";
import { warningsOf } from "./machineCard.ts";
import { formatDate, pointOf, raceOf, slug, type Source } from "./sources.ts";
import { shownSource, type State, type Store } from "./store.ts";
import { pointTable, sweepTable } from "./tables.ts";

type Draw = (options: ChartOptions) => SVGSVGElement;

/** What a figure is made of. */
export interface FigurePlan {
  readonly title: string;
  /** Where it was measured, for pictures that leave the page. */
  readonly place?: string;
  readonly file: string;
  readonly draw: Draw;
  readonly table: HTMLElement;
}

const exportWidth = 960;

/** A line below the chart. */
function addFoot(svg: SVGSVGElement, text: string): void {
  const height = Number(svg.getAttribute("height"));
  const line = document.createElementNS("http://www.w3.org/2000/svg", "text");
  const attributes = { x: 8, y: height + 14, fill: "#5f5b57", "font-size": 11, "text-anchor": "start" };
  for (const [name, value] of Object.entries(attributes)) line.setAttribute(name, String(value));
  line.textContent = text;
  svg.append(line);
  svg.setAttribute("height", String(height + 24));
  svg.setAttribute("viewBox", `0 0 ${exportWidth} ${height + 24}`);
}

function saveSvg({ file, title, place, draw }: FigurePlan): void {
  const svg = draw({ width: exportWidth, theme: "light", title });
  if (place) addFoot(svg, place);
  svg.style.fontFamily = "system-ui, sans-serif";
  svg.style.background = "#ffffff";
  download(`${file}.svg`, new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" }));
}

/** A chart as wide as its place, with its table and a way to save it. */
function figure(plan: FigurePlan, width: number): HTMLElement {
  const { title, draw, table } = plan;
  const save = button("Save SVG", () => saveSvg(plan), {
    class: "small",
    "aria-label": `Save SVG: ${title}`,
  });
  const caption = element("figcaption", {}, element("h3", {}, title), save);
  const chart = element("div", { class: "chart" }, draw({ width, tip: true, theme: "auto" }));
  const details = element("details", { open: true }, element("summary", {}, "Table"), table);
  return element("figure", {}, caption, chart, details);
}

/** Draws only when what it shows has changed: a pointer that rests on a chart keeps its values. */
export class Slot {
  readonly #place: HTMLElement;
  #last: readonly unknown[] = [];

  constructor(id: string) {
    this.#place = byId(id, HTMLElement);
  }

  /** @param parts all that the figure depends on, but for its width */
  show(parts: readonly unknown[], plan: (() => FigurePlan) | undefined): void {
    const width = Math.max(280, Math.floor(this.#place.clientWidth));
    const now = [...parts, width, plan !== undefined];
    if (now.length === this.#last.length && now.every((part, at) => part === this.#last[at])) return;
    this.#last = now;
    if (!plan) return this.#place.replaceChildren();
    const wasOpen = this.#place.querySelector("details")?.open ?? true;
    const made = figure(plan(), width);
    made.querySelector("details")!.open = wasOpen;
    this.#place.replaceChildren(made);
  }
}

const barsOf = (race: Race, point: Point, unit: Unit, place: string): FigurePlan => {
  const round = roundOf(race);
  return {
    title: point.description,
    place,
    file: slug(`${race.name} ${point.name} ${unit.name}`),
    draw: (options) => barChart(point, unit, options, race),
    table: pointTable(point, { unit, round, base: baseOf([point]) }),
  };
};

const sweepOf = (race: Race, unit: Unit, place: string): FigurePlan => ({
  title: `${race.title}, by ${race.axis}`,
  place,
  file: slug(`${race.name} ${unit.name}`),
  draw: (options) => sweepChart(race, unit, options),
  table: sweepTable(race, unit, roundOf(race)),
});

/** First what tells it from the other points: there is little room. */
const labelOf = ({ x, description }: Point, { axis }: Race): string =>
  axis ? `${axis} ${x.toLocaleString("en")}: ${description}` : description;

/** Lines need an axis and two points. */
const isSweep = ({ axis, points }: Race): boolean => axis !== "" && points.length > 1;

/** The part of the page with the figures of one source. */
export class Figures {
  readonly #section = byId("results", HTMLElement);
  readonly #race = byId("race", HTMLSelectElement);
  readonly #point = byId("point", HTMLSelectElement);
  readonly #unit = byId("unit", HTMLSelectElement);
  readonly #warnings = byId("warnings", HTMLElement);
  readonly #bars = new Slot("bars");
  readonly #sweep = new Slot("sweep");

  listen(store: Store): void {
    this.#race.addEventListener("change", () => store.change({ race: this.#race.value, point: "" }));
    this.#point.addEventListener("change", () => store.change({ point: this.#point.value }));
    this.#unit.addEventListener("change", () => store.change({ unit: this.#unit.value as UnitName }));
  }

  draw(state: State): void {
    const source = shownSource(state);
    const hasPoints = source !== undefined && source.races.length > 0;
    this.#section.hidden = !hasPoints;
    if (hasPoints) this.#drawSource(source, state);
  }

  #drawSource(source: Source, { race: wantedRace, point: wantedPoint, unit: unitName }: State): void {
    const raceOptions = source.races.map(({ name, title }) => ({ value: name, label: `${name}: ${title}` }));
    const race = raceOf(source, fillSelect(this.#race, raceOptions, wantedRace))!;
    const pointOptions = race.points.map((point) => ({ value: point.name, label: labelOf(point, race) }));
    const point = pointOf(race, fillSelect(this.#point, pointOptions, wantedPoint))!;
    const unitOptions = unitNames.map((name) => ({ value: name, label: titleOf(units[name], roundOf(race)) }));
    const unit = units[fillSelect(this.#unit, unitOptions, unitName) as UnitName];
    this.#warnings.replaceChildren(...warningsOf(source));
    const place = source.record ? `${placeOf(source.record)}, ${formatDate(source.record.machine.date)}` : "";
    this.#bars.show([point, race.title, unit, place], () => barsOf(race, point, unit, place));
    this.#sweep.show([race, unit, place], isSweep(race) ? () => sweepOf(race, unit, place) : undefined);
  }
}

/** The race and point whose figures are shown: the first ones where none is chosen. */
export function shownPoint(state: State) {
  const source = shownSource(state);
  const race = raceOf(source, state.race) ?? source?.races[0];
  return { source, race, point: pointOf(race, state.point) ?? race?.points[0] };
}
