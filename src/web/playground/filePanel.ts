// A table that was opened: what was understood of it, and which columns are taken.

import { element } from "../dom.ts";
import { notice } from "../notices.ts";
import { choicesOf, selectField } from "./controls.ts";
import type { ChosenColumns, TablePoints } from "./tablePoints.ts";

/** Files that were opened so far. */
let opened = 0;

/** Opens a table, shows its columns in `slot`, and hands its points over; what is wrong with it is told. */
export async function openFile(file: File, slot: HTMLElement, onPoints: (points: TablePoints) => void): Promise<void> {
  try {
    const { pointsOfTable, readFile } = await import("./tablePoints.ts");
    const own = ++opened;
    const read = await readFile(new Uint8Array(await file.arrayBuffer()), file.name);
    if (own !== opened) return; // another file was opened meanwhile
    const { table, numberColumns, chosen } = read;
    let columns: ChosenColumns = chosen;
    const summary = element("p", { class: "quiet" });
    const take = async (change: Partial<ChosenColumns>): Promise<void> => {
      columns = { ...columns, ...change };
      const asked = columns;
      try {
        const points = await pointsOfTable(read, columns);
        if (asked !== columns || own !== opened) return; // another choice was made meanwhile
        summary.textContent = points.summary;
        onPoints(points);
      } catch (error) {
        tell(error);
      }
    };
    const field = (label: string, key: keyof ChosenColumns, names: readonly string[]): HTMLElement => {
      const select = selectField({ label, choices: choicesOf(names), onChange: (name) => void take({ [key]: name }) });
      select.set(chosen[key]);
      return select.element;
    };
    const names = table.columns.map(({ name }) => name);
    const fields = [
      field("x₁", "x1", numberColumns),
      field("x₂", "x2", numberColumns),
      field("Predict", "target", names),
    ];
    slot.replaceChildren(element("div", { class: "fields file" }, ...fields), summary);
    await take({});
  } catch (error) {
    tell(error);
  }
}

const tell = (error: unknown): void => void notice("bad", error instanceof Error ? error.message : String(error));
