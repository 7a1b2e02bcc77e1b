import { element } from "../dom.ts";
import { roughNumber } from "../shortNumber.ts";
import { axisLabels, networksOf, type PopulationGrid, valueAt } from "./grid.ts";
import { quantiles } from "./quantiles.ts";

/** Most columns that the table shows, equally spaced. */
const mostColumns = 12;

export interface ColumnSummary {
  readonly value: number;
  readonly lowest: number;
  readonly median: number;
  readonly highest: number;
  readonly diverged: number;
}

/** How the networks of some columns do. */
export function summarizeColumns(grid: PopulationGrid, values: ArrayLike<number>): ColumnSummary[] {
  const { count } = grid.columns;
  const shown = Math.min(count, mostColumns);
  const places = Array.from({ length: shown }, (_, index) =>
    Math.round((index * (count - 1)) / Math.max(1, shown - 1)),
  );
  return places.map((column) => {
    const own: number[] = [];
    for (let network = column; network < networksOf(grid); network += count) own.push(values[network]!);
    const [lowest = Number.NaN, median = Number.NaN, highest = Number.NaN] = quantiles(own, [0, 0.5, 1]);
    const diverged = own.filter((value) => !Number.isFinite(value)).length;
    return { value: valueAt(grid.columns, column), lowest, median, highest, diverged };
  });
}

export interface ColumnTable {
  readonly root: HTMLElement;
  show(grid: PopulationGrid, values: ArrayLike<number>): void;
}

/** The heat map for those who do not see it: its columns in numbers. */
export function columnTable(): ColumnTable {
  const body = element("tbody");
  const axis = element("th", { scope: "col" });
  const heads = ["Lowest", "Median", "Highest", "Diverged"].map((name) => element("th", { scope: "col" }, name));
  const head = element("thead", {}, element("tr", {}, axis, ...heads));
  const table = element("table", { class: "best numbers" }, head, body);
  const root = element("details", { class: "map-numbers" }, element("summary", {}, "Show as table"), table);
  let fill = (): void => {};
  root.addEventListener("toggle", () => fill());
  const show: ColumnTable["show"] = (grid, values) => {
    fill = () => {
      if (!root.open) return;
      axis.textContent = axisLabels[grid.columns.name];
      const rows = summarizeColumns(grid, values).map(({ value, lowest, median, highest, diverged }) => {
        const numbers = [lowest, median, highest].map((number) =>
          Number.isFinite(number) ? roughNumber(number) : "–",
        );
        return element(
          "tr",
          {},
          ...[String(value), ...numbers, String(diverged)].map((text) => element("td", {}, text)),
        );
      });
      body.replaceChildren(...rows);
    };
    fill();
  };
  return { root, show };
}
