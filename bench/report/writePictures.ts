import { parseHTML } from "linkedom";
import type { Point, Race, RaceRecord } from "../race/record.ts";
import { units } from "../race/units.ts";
import { barChart, loadChart, sweepChart } from "./charts.ts";
import type { ChartOptions } from "./frame.ts";
import { placeOf } from "./order.ts";
import { paintOf } from "./palette.ts";

/** A file of its own, for pages that take no scripts. */
export interface Picture {
  /** Without an ending. */
  readonly name: string;
  readonly svg: string;
}

/** Of a picture, in pixels. */
export const width = 900;
const gapPx = 12;
const namespace = "http://www.w3.org/2000/svg";

const heightOf = (svg: SVGSVGElement): number => Number(svg.getAttribute("height"));

function append(
  parent: Element,
  document: Document,
  name: string,
  attributes: Record<string, string | number>,
): Element {
  const element = document.createElementNS(namespace, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  parent.append(element);
  return element;
}

interface Content {
  readonly title: string;
  /** Drawn with titles of their own. */
  readonly charts: readonly SVGSVGElement[];
  readonly foot: string;
}

/** Charts below each other on a background, with what they were measured on at the foot. */
export function pictureOf({ title, charts, foot }: Content, document: Document): string {
  const paint = paintOf("light");
  const top = charts.length > 1 ? 36 : 0;
  const height = charts.reduce((sum, chart) => sum + heightOf(chart) + gapPx, top + 24);
  const svg = document.createElementNS(namespace, "svg");
  const frame = { xmlns: namespace, width, height, viewBox: `0 0 ${width} ${height}`, role: "img" };
  for (const [key, value] of Object.entries(frame)) svg.setAttribute(key, String(value));
  svg.setAttribute("font-family", "system-ui, sans-serif");
  append(svg, document, "title", {}).textContent = title;
  append(svg, document, "desc", {}).textContent = charts.map((chart) => chart.getAttribute("aria-label")).join(" ");
  append(svg, document, "rect", { width, height, fill: paint.background });
  if (top > 0) {
    const heading = { x: 8, y: 24, fill: paint.ink, "font-size": 17, "font-weight": 600 };
    append(svg, document, "text", heading).textContent = title;
  }
  let y = top;
  for (const chart of charts) {
    chart.setAttribute("y", String(y));
    for (const name of ["role", "aria-label"]) chart.removeAttribute(name);
    svg.append(chart);
    y += heightOf(chart) + gapPx;
  }
  append(svg, document, "text", { x: 8, y: height - 10, fill: paint.muted, "font-size": 11 }).textContent = foot;
  return `${svg.outerHTML}\n`;
}

/** What stands below every picture: where the figures come from, and what they do not say. */
export function footOf(record: Pick<RaceRecord, "machine">): string {
  const { date, kind, versions } = record.machine;
  const software = kind === "software" ? "; a software adapter, its ratios may not carry over to hardware" : "";
  return `${placeOf(record)}; thalweg ${versions.thalweg ?? "?"}; ${date.slice(0, 10)}${software}`;
}

/** Lines need an axis and two points; other races get a chart per point. */
function chartsOf(race: Race, options: ChartOptions): SVGSVGElement[] {
  const { axis, title, points } = race;
  if (axis !== "" && points.length > 1) return [sweepChart(race, units.time, { ...options, title })];
  const titleOf = ({ description }: Point): string => (points.length === 1 ? `${title}: ${description}` : description);
  return points.map((point) => barChart(point, units.time, { ...options, title: titleOf(point) }, race));
}

/** One standalone SVG per race that has points, and one of load times. */
export function picturesOf(record: RaceRecord): Picture[] {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const options: ChartOptions = { document, width, theme: "light" };
  const foot = footOf(record);
  const races = record.races.filter(({ points }) => points.length > 0);
  const pictures = races.map((race): Picture => {
    const content = { title: race.title, charts: chartsOf(race, options), foot };
    return { name: race.name, svg: pictureOf(content, document) };
  });
  if (!record.load || record.load.length === 0) return pictures;
  const title = "From opening a page to the first finished step";
  const charts = [loadChart(record.load, { ...options, title })];
  return [...pictures, { name: "load", svg: pictureOf({ title, charts, foot }, document) }];
}
