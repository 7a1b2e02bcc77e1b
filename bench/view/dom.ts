// The few helpers that the page needs to build itself.

type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;
export type Child = Node | string | undefined;

/** @param attributes true writes the bare attribute, false and undefined none */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** @throws TypeError where the page has no such element */
export function byId<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`page: expected a ${kind.name} with id ${id}, got ${found}`);
  return found;
}

export function button(label: string, onClick: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const made = element("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", onClick);
  return made;
}

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

/** Hands a file to the reader. */
export function download(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  element("a", { href: url, download: name }).click();
  // the browser reads the address after the click has returned
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
