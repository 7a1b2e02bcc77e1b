import type { UnitName } from "../race/units.ts";
import type { Source } from "./sources.ts";

/** What is on the page. */
export interface State {
  readonly sources: readonly Source[];
  /** The source whose figures are shown. */
  readonly shownId: number | undefined;
  readonly race: string;
  readonly point: string;
  readonly unit: UnitName;
}

type Change = Partial<State> | ((state: State) => Partial<State>);

/** Holds the state and calls whoever draws it, at most once per frame. */
export class Store {
  #state: State = { sources: [], shownId: undefined, race: "", point: "", unit: "time" };
  readonly #draw: (state: State) => void;
  #isPending = false;
  #nextId = 1;

  constructor(draw: (state: State) => void) {
    this.#draw = draw;
  }

  get state(): State {
    return this.#state;
  }

  change(change: Change): void {
    this.#state = { ...this.#state, ...(typeof change === "function" ? change(this.#state) : change) };
    if (this.#isPending) return;
    this.#isPending = true;
    // a hidden page has no frames; its timers still run
    setTimeout(() => {
      this.#isPending = false;
      this.#draw(this.#state);
    });
  }

  /** @param isShown whether it takes the place of the source that is shown. @returns the id of the new source */
  add(source: Omit<Source, "id">, isShown: boolean): number {
    const id = this.#nextId++;
    this.change(({ sources, shownId }) => ({
      sources: [...sources, { ...source, id }],
      shownId: isShown ? id : (shownId ?? id),
    }));
    return id;
  }

  edit(id: number, edit: (source: Source) => Partial<Source>): void {
    this.change(({ sources }) => ({
      sources: sources.map((source) => (source.id === id ? { ...source, ...edit(source) } : source)),
    }));
  }

  remove(id: number): void {
    this.change(({ sources, shownId }) => {
      const left = sources.filter((source) => source.id !== id);
      return { sources: left, shownId: shownId === id ? left.at(-1)?.id : shownId };
    });
  }
}

export const shownSource = ({ sources, shownId }: State): Source | undefined =>
  sources.find(({ id }) => id === shownId);
