import { element } from "./dom.ts";

/** Named figures in a row, to be read at a glance. */
export interface FigureList<Name extends string> {
  readonly root: HTMLElement;
  /** @param text undefined: there is no such figure now */
  set(name: Name, text: string | undefined): void;
}

/** @param labels name and label of each, in order */
export function figureList<Name extends string>(labels: Readonly<Record<Name, string>>): FigureList<Name> {
  const values = new Map<Name, HTMLElement>();
  const rows = Object.entries<string>(labels).map(([name, label]) => {
    const value = element("dd", { class: "numbers", "data-figure": name }, "–");
    values.set(name as Name, value);
    return element("div", {}, element("dt", {}, label), value);
  });
  const set = (name: Name, text: string | undefined): void => {
    const value = values.get(name)!;
    value.parentElement!.hidden = text === undefined;
    if (text !== undefined && value.textContent !== text) value.textContent = text;
  };
  return { root: element("dl", { class: "figures" }, ...rows), set };
}

/** Events of the last second. */
export class Rate {
  #times: number[] = [];

  /** @returns events a second, with this one */
  count(nowMs: number): number {
    this.#times.push(nowMs);
    this.#times = this.#times.filter((time) => nowMs - time <= 1000);
    return this.#times.length;
  }
}
