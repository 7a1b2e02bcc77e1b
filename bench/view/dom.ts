// What the page needs to find and fill its parts.

import { type Attributes, element } from "../../src/web/dom.ts";

/** @throws TypeError where the page has no such element */
export function byId<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`page: expected a ${kind.name} with id ${id}, got ${found}`);
  return found;
}

export const button = (label: string, onclick: () => void, attributes: Attributes = {}): HTMLButtonElement =>
  element("button", { type: "button", onclick, ...attributes }, label);

export interface Choosable {
  readonly value: string;
  readonly label: string;
}

/** Options of a select, rebuilt only where they differ: a list that is open stays so. @returns the value chosen now */
export function fillSelect(select: HTMLSelectElement, options: readonly Choosable[], wanted: string): string {
  const now = [...select.options].map(({ value, label }) => `${value}\n${label}`).join("\n");
  if (now !== options.map(({ value, label }) => `${value}\n${label}`).join("\n")) {
    select.replaceChildren(...options.map(({ value, label }) => element("option", { value }, label)));
  }
  const chosen = options.some(({ value }) => value === wanted) ? wanted : (options[0]?.value ?? "");
  select.value = chosen;
  return chosen;
}
