// Walks through the stops: buttons, slider, keys, and by itself.

import { element } from "../dom.ts";
import { icon, type IconName } from "./icons.ts";
import type { State } from "./state.ts";
import type { Stop } from "./stop.ts";

/** How long a stop lasts at speed 1. */
const stopMs = 1600;
const speeds = [0.25, 0.5, 1, 2, 4];

/** Where keys mean something else. */
const isField = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest("input, select, textarea, [contenteditable]") !== null;
/** Where the space bar presses what has the focus. */
const isPressed = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest("button, a, summary, [role=button]") !== null;

export class Stepper {
  readonly element: HTMLElement;
  readonly #state: State;
  readonly #count: number;
  readonly #slider: HTMLInputElement;
  readonly #where = element("output", { class: "where numbers" });
  readonly #play: HTMLButtonElement;
  readonly #ends: readonly [backward: HTMLButtonElement[], forward: HTMLButtonElement[]];
  readonly #goTo: HTMLSelectElement;
  #speed = 1;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stops: readonly Stop[];

  constructor(state: State, stops: readonly Stop[]) {
    this.#state = state;
    this.#stops = stops;
    this.#count = stops.length;
    const step = (sign: IconName, label: string, move: () => number): HTMLButtonElement =>
      element(
        "button",
        { type: "button", "aria-label": label, title: label, onclick: () => this.#walkTo(move()) },
        icon(sign),
      );
    this.#ends = [
      [step("first", "First stop", () => 0), step("back", "Previous stop (←)", () => state.stop - 1)],
      [step("on", "Next stop (→)", () => state.stop + 1), step("last", "Last stop", () => this.#count - 1)],
    ];
    this.#play = element("button", { type: "button", class: "primary play", onclick: () => this.#toggle() });
    this.#slider = element("input", {
      type: "range",
      min: 0,
      max: this.#count - 1,
      step: 1,
      "aria-label": "Stop",
      oninput: () => this.#walkTo(Number(this.#slider.value)),
    });
    this.#goTo = this.#createGoTo();
    this.element = this.#assemble();
    this.#showPlaying();
  }

  #assemble(): HTMLElement {
    const [back, forward] = this.#ends;
    const speed = element(
      "select",
      {
        "aria-label": "Speed",
        onchange: (event: Event) => (this.#speed = Number((event.target as HTMLSelectElement).value)),
      },
      ...speeds.map((each) => element("option", { value: each, selected: each === 1 }, `${each}×`)),
    );
    return element(
      "div",
      { class: "card stepper", role: "group", "aria-label": "Walk through the step" },
      element("div", { class: "row buttons" }, ...back, this.#play, ...forward, speed),
      element("div", { class: "track" }, this.#slider, this.#where),
      this.#goTo,
    );
  }

  /** Jumps to a part of the step, or to the gradient of a weight. */
  #createGoTo(): HTMLSelectElement {
    const groups = Map.groupBy(
      this.#stops.map((stop, at) => ({ ...stop, at })),
      ({ part }) => part,
    );
    return element(
      "select",
      { class: "go-to", "aria-label": "Go to", onchange: () => this.#walkTo(Number(this.#goTo.value)) },
      ...[...groups].map(([part, stops]) =>
        element("optgroup", { label: part }, ...stops.map(({ title, at }) => element("option", { value: at }, title))),
      ),
    );
  }

  get isPlaying(): boolean {
    return this.#timer !== undefined;
  }

  /** Stops playing, and goes there. */
  #walkTo(stop: number): void {
    this.pause();
    this.#state.goTo(Math.min(Math.max(stop, 0), this.#count - 1));
  }

  #toggle(): void {
    if (this.isPlaying) return this.pause();
    if (this.#state.stop === this.#count - 1) this.#state.goTo(0);
    this.#await();
    this.#showPlaying();
  }

  #await(): void {
    this.#timer = setTimeout(() => this.#advance(), stopMs / this.#speed);
  }

  #advance(): void {
    this.#state.goTo(this.#state.stop + 1);
    if (this.#state.stop < this.#count - 1) this.#await();
    else this.pause();
  }

  pause(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#showPlaying();
  }

  #showPlaying(): void {
    this.#play.replaceChildren(...(this.isPlaying ? [icon("pause"), "Pause"] : [icon("play"), "Play"]));
    this.#play.title = this.isPlaying ? "Pause (space)" : "Play (space)";
  }

  show(stops: readonly Stop[]): void {
    this.#stops = stops;
    const at = this.#state.stop;
    const [back, forward] = this.#ends;
    // A button that is off loses the focus; one that only says so keeps it.
    for (const button of back) button.setAttribute("aria-disabled", String(at === 0));
    for (const button of forward) button.setAttribute("aria-disabled", String(at === this.#count - 1));
    this.#slider.value = String(at);
    this.#slider.setAttribute("aria-valuetext", `${at + 1} of ${this.#count}: ${stops[at]!.title}`);
    this.#where.textContent = `${at + 1} / ${this.#count}`;
    this.#goTo.value = String(at);
  }

  /** ← and →, space, R. @returns true where the key was for it */
  press(event: KeyboardEvent): boolean {
    if (event.altKey || event.ctrlKey || event.metaKey || isField(event.target)) return false;
    if (event.key === "ArrowLeft") this.#walkTo(this.#state.stop - 1);
    else if (event.key === "ArrowRight") this.#walkTo(this.#state.stop + 1);
    else if (event.key.toLowerCase() === "r") this.#walkTo(0);
    else if (event.key === " " && !isPressed(event.target)) this.#toggle();
    else return false;
    return true;
  }
}
