// What a printer gets: the whole step, stop by stop. It is there while the page is printed, and only then.

import { element } from "../dom.ts";
import { formulaOf } from "./formula.ts";
import type { Lesson } from "./lesson.ts";
import type { Digits } from "./shownDigits.ts";
import type { NumbersTable } from "./table.ts";

/** The stops of a part, under its name. */
function partOf(name: string, { stops }: Lesson, digits: Digits): HTMLElement {
  const own = stops.filter(({ part, kind }) => part === name && kind !== "given" && kind !== "after");
  const entries = own.map(({ title, sentence, lines }) =>
    element(
      "div",
      { class: "entry" },
      element("h3", {}, title),
      element("p", {}, sentence),
      element("div", { class: "formulas many" }, ...lines.map((line) => formulaOf(line, digits))),
    ),
  );
  return element("section", { class: "card", "aria-label": name }, element("h2", {}, name), ...entries);
}

/**
 * @param read what there is to print
 * @param table is printed open
 */
export function createWorksheet(
  read: () => { readonly lesson: Lesson; readonly digits: Digits },
  table: NumbersTable,
  signal: AbortSignal,
): HTMLElement {
  const sheet = element("div", { class: "worksheet" });
  let wasOpen = table.isOpen;
  const fill = (): void => {
    const { lesson, digits } = read();
    const parts = new Set(
      lesson.stops.filter(({ kind }) => kind !== "given" && kind !== "after").map(({ part }) => part),
    );
    sheet.replaceChildren(...Array.from(parts, (name) => partOf(name, lesson, digits)));
    wasOpen = table.isOpen;
    table.isOpen = true;
  };
  const empty = (): void => {
    sheet.replaceChildren();
    table.isOpen = wasOpen;
  };
  addEventListener("beforeprint", fill, { signal });
  addEventListener("afterprint", empty, { signal });
  return sheet;
}
