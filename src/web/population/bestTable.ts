import { element } from "../dom.ts";
import { roughNumber } from "../shortNumber.ts";
import { axisLabels, cellOf, type PopulationGrid, valueAt } from "./grid.ts";

const most = 5;

/** Numbers of the networks with the best finite values, best first. */
export function bestNetworks(values: ArrayLike<number>, isLowBetter: boolean, count = most): number[] {
  const sign = isLowBetter ? 1 : -1;
  const best: number[] = [];
  for (let network = 0; network < values.length; network++) {
    const value = sign * values[network]!;
    if (!Number.isFinite(value)) continue;
    let place = best.length;
    while (place > 0 && sign * values[best[place - 1]!]! > value) place--;
    if (place < count) best.splice(place, 0, network);
    best.length = Math.min(best.length, count);
  }
  return best;
}

export interface Opening {
  /** Where a network opens in a tab of its own. */
  readonly addressOf: (network: number) => string;
  /** Opens it here, as it is. */
  readonly open: (network: number) => void;
}

export interface BestTable {
  readonly root: HTMLElement;
  show(
    grid: PopulationGrid,
    metric: string,
    best: readonly { network: number; value: number }[],
    opening: Opening,
  ): void;
}

/** Other clicks open a tab or a window, or save. */
const isPlain = ({ button, ctrlKey, metaKey, shiftKey, altKey }: MouseEvent): boolean =>
  button === 0 && !ctrlKey && !metaKey && !shiftKey && !altKey;

function linkTo(network: number, { addressOf, open }: Opening): HTMLElement {
  const onclick = (event: MouseEvent): void => {
    if (!isPlain(event)) return;
    event.preventDefault();
    open(network);
  };
  const name = element("span", { class: "visually-hidden" }, ` network ${network}`);
  return element("a", { href: addressOf(network), onclick }, "Open", name);
}

/** The best networks, each with a link to it. */
export function bestTable(): BestTable {
  const body = element("tbody");
  const columns = element("th", { scope: "col" });
  const rows = element("th", { scope: "col" });
  const value = element("th", { scope: "col" });
  const head = element(
    "thead",
    {},
    element("tr", {}, columns, rows, value, element("th", { scope: "col" }, "Network")),
  );
  const root = element("table", { class: "best numbers", hidden: true }, head, body);
  const show: BestTable["show"] = (grid, metric, best, opening) => {
    root.hidden = false; // before it, the heads would be empty
    value.textContent = metric;
    columns.textContent = axisLabels[grid.columns.name];
    rows.textContent = axisLabels[grid.rows.name];
    const cells = best.map(({ network, value }) => {
      const { column, row } = cellOf(grid, network);
      const texts = [valueAt(grid.columns, column), valueAt(grid.rows, row), roughNumber(value)].map(String);
      return element(
        "tr",
        {},
        ...texts.map((text) => element("td", {}, text)),
        element("td", {}, linkTo(network, opening)),
      );
    });
    body.replaceChildren(...cells);
  };
  return { root, show };
}
