import { element } from "./dom.ts";

/** A labelled choice of names. */
export interface Choice<Name extends string> {
  readonly root: HTMLElement;
  readonly select: HTMLSelectElement;
  show(name: Name): void;
}

/** @param labels what the reader sees of each name, in order */
export function choice<Name extends string>(
  label: string,
  labels: Readonly<Record<Name, string>>,
  changed: (name: Name) => void,
): Choice<Name> {
  const options = Object.entries<string>(labels).map(([value, text]) => element("option", { value }, text));
  const select = element("select", {}, ...options);
  select.addEventListener("change", () => changed(select.value as Name));
  const root = element("label", { class: "field" }, element("span", {}, label), select);
  return { root, select, show: (name) => (select.value = name) };
}
