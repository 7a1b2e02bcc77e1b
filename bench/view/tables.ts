import { element } from "../../src/web/dom.ts";
import type { Point, Race, Row } from "../race/record.ts";
import { formatSpread, formatValue, significant, titleOf, type Unit, valueIn } from "../race/units.ts";
import { type Column, columnsOf, deviationText, type TableOptions } from "./columns.ts";
import { entrantsOf, failedRows, fastestFirst, isTimed } from "../report/order.ts";

/** A table in a box of its own, which scrolls where the page must not. */
export function scrollBox(label: string, table: HTMLTableElement): HTMLElement {
  return element("div", { class: "scroll", role: "region", "aria-label": label, tabindex: 0 }, table);
}

const nameOf = (row: Row): string => (isTimed(row) && row.isNoise ? `${row.label}, again: the noise floor` : row.label);

const groupsOf = (columns: readonly Column[]): readonly (readonly [group: string, size: number])[] =>
  [...new Set(columns.map(({ group }) => group))].map((group) => [
    group,
    columns.filter((column) => column.group === group).length,
  ]);

function headOf(columns: readonly Column[]): HTMLElement {
  const groups = groupsOf(columns).map(([group, size]) =>
    element("th", { scope: "colgroup", colspan: size, class: "group" }, group),
  );
  const titles = columns.map(({ title, help, isText }) =>
    element("th", { scope: "col", class: isText && "words" }, title, help && element("small", {}, help)),
  );
  return element(
    "thead",
    {},
    element("tr", {}, element("th", { scope: "col", rowspan: 2 }, "contender"), ...groups),
    element("tr", {}, ...titles),
  );
}

/** More letters than this are wrapped. */
const longText = 50;

const starts = (columns: readonly Column[], index: number): boolean =>
  columns[index]!.group !== columns[index - 1]?.group;

function lineOf(row: Row, columns: readonly Column[]): HTMLElement {
  const head = element("th", { scope: "row" }, nameOf(row));
  if (isTimed(row)) {
    const cells = columns.map(({ cell, isText }, index) => {
      const text = cell(row);
      const kinds = [isText && "words", text.length > longText && "long", starts(columns, index) && "first"];
      return element("td", { class: kinds.filter(Boolean).join(" ") || undefined }, text);
    });
    return element("tr", { class: row.isNoise && "noise" }, head, ...cells);
  }
  const check = row.check && deviationText(row.check);
  const reason = [row.reason, check && `deviation ${check} rounds`].filter(Boolean).join(" — ");
  const why = element("span", { class: "why" }, element("strong", {}, row.status), ` ${reason}`);
  return element(
    "tr",
    { class: row.status },
    head,
    element("td", { class: "words long", colspan: columns.length || 1 }, why),
  );
}

/** The table beside the bars: every figure of every contender at one point. */
export function pointTable(point: Point, options: TableOptions): HTMLElement {
  const columns = columnsOf(point, options);
  const rows: readonly Row[] = [...fastestFirst(point.rows.filter(isTimed)), ...failedRows(point)];
  const lines = rows.map((row) => lineOf(row, columns));
  const label = `Figures: ${point.description}`;
  return scrollBox(label, element("table", { "aria-label": label }, headOf(columns), element("tbody", {}, ...lines)));
}

function sweepCell(point: Point, row: Row | undefined, unit: Unit): HTMLElement {
  if (!row) return element("td", {}, "");
  if (!isTimed(row)) return element("td", { class: row.status }, row.status);
  const value = valueIn(unit, row, point);
  const { lowerQuartile, upperQuartile } = value;
  const quartiles = `${formatValue(unit, lowerQuartile)} … ${formatValue(unit, upperQuartile)}`;
  return element("td", {}, formatValue(unit, value.median), element("small", {}, quartiles));
}

/** The table beside the lines: a median per contender and point. */
export function sweepTable(race: Race, unit: Unit, round: string): HTMLElement {
  const head = race.points.map(({ x, name }) =>
    element("th", { scope: "col" }, race.axis ? `${race.axis} ${x.toLocaleString("en")}` : name),
  );
  const lines = entrantsOf(race).map(({ label, rows }) => {
    const cells = rows.map((row, at) => sweepCell(race.points[at]!, row, unit));
    return element("tr", {}, element("th", { scope: "row" }, label), ...cells);
  });
  const text = `${race.title}: median ${titleOf(unit, round)}, and its quartiles`;
  const caption = element("caption", {}, element("span", {}, text));
  const first = element("tr", {}, element("th", { scope: "col" }, "contender"), ...head);
  return scrollBox(
    `Figures: ${race.title}`,
    element("table", {}, caption, element("thead", {}, first), element("tbody", {}, ...lines)),
  );
}

export interface Compared {
  readonly name: string;
  readonly point: Point;
}

/** What a source has of a contender, with the quartiles where there are any. */
function textOf(row: Row | undefined, point: Point, unit: Unit): string {
  if (!row) return "—";
  return isTimed(row) ? formatSpread(unit, valueIn(unit, row, point)) : row.status;
}

function quotientOf(rows: readonly (Row | undefined)[], sources: readonly Compared[], unit: Unit): string {
  const [first, second] = rows.map((row, at) =>
    row && isTimed(row) ? valueIn(unit, row, sources[at]!.point).median : undefined,
  );
  return first === undefined || second === undefined ? "" : `${significant(second / first)}×`;
}

/** The table beside a comparison: a column for each of both sources, and what the second has of the first. */
export function comparisonTable(sources: readonly [Compared, Compared], unit: Unit): HTMLElement {
  const names = new Set(sources.flatMap(({ point }) => point.rows.map(nameOf)));
  const lines = [...names].map((name) => {
    const rows = sources.map(({ point }) => point.rows.find((row) => nameOf(row) === name));
    const cells = rows.map((row, at) => {
      const kind = row && !isTimed(row) ? row.status : undefined;
      return element("td", { class: kind }, textOf(row, sources[at]!.point, unit));
    });
    const quotient = element("td", {}, quotientOf(rows, sources, unit));
    return element("tr", {}, element("th", { scope: "row" }, name), ...cells, quotient);
  });
  const titles = ["contender", ...sources.map(({ name }) => name), "second ÷ first"];
  const head = element("tr", {}, ...titles.map((title) => element("th", { scope: "col" }, title)));
  const label = "Figures side by side";
  const table = element("table", { "aria-label": label }, element("thead", {}, head), element("tbody", {}, ...lines));
  return scrollBox(label, table);
}
