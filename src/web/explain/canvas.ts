// The drawing on the page: follows its width, lights what is pointed at, and opens fields for numbers.

import { element } from "../dom.ts";
import { createDrawing, type Drawing, type Shown } from "./drawing.ts";
import { createEditor } from "./editor.ts";
import { layouts } from "./layout.ts";
import { partOf, pathOf } from "./lights.ts";
import { numberNames, readNumber } from "./numbers.ts";

/** Below this width the drawing stands upright, in pixels. */
const narrow = 620;

const partUnder = (target: EventTarget | null): SVGElement | undefined =>
  (target instanceof Element ? target.closest<SVGElement>("[data-part]") : null) ?? undefined;

const symbolUnder = (target: EventTarget | null): string | undefined =>
  (target instanceof Element ? target.closest<HTMLElement>("[data-symbol]") : null)?.dataset.symbol;

export class Canvas {
  readonly element = element("div", { class: "canvas" });
  #drawing: Drawing;
  #shown: Shown | undefined;
  readonly #editor;
  readonly #observer: ResizeObserver;

  /** @param change takes over a typed number */
  constructor(change: (name: string, value: number) => void) {
    this.#drawing = createDrawing(innerWidth < narrow ? layouts.tall : layouts.wide);
    this.#editor = createEditor(this.element, change);
    this.element.append(this.#drawing.element);
    this.#observer = new ResizeObserver(() => this.#fit());
    this.#observer.observe(this.element);
    this.#listen();
  }

  /** Takes the layout for the width there is. */
  #fit(): void {
    const wanted = this.element.clientWidth < narrow ? layouts.tall : layouts.wide;
    if (this.#drawing.element.classList.contains(wanted.name)) return;
    this.#editor.close();
    const drawing = createDrawing(wanted);
    this.#drawing.element.replaceWith(drawing.element);
    this.#drawing = drawing;
    if (this.#shown) drawing.show(this.#shown);
  }

  #listen(): void {
    const { element: canvas } = this;
    const point = ({ target }: Event): void => this.#point(partUnder(target)?.dataset.part);
    const release = (): void => this.#point(undefined);
    canvas.addEventListener("pointerover", point);
    canvas.addEventListener("pointerleave", release);
    canvas.addEventListener("focusin", point);
    canvas.addEventListener("focusout", release);
    canvas.addEventListener("click", ({ target }) => this.#edit(partUnder(target)));
    canvas.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      if (this.#edit(partUnder(event.target))) event.preventDefault();
    });
  }

  /** Lights the way of a part's gradient back from the loss. */
  #point(part: string | undefined): void {
    this.#drawing.light(part !== undefined && this.#shown ? pathOf(this.#shown.lesson.lines, part) : undefined);
  }

  /** Lights what a formula's symbols come from, while they are pointed at or have the focus. */
  follow(formulas: HTMLElement): void {
    const point = ({ target }: Event): void => {
      const symbol = symbolUnder(target);
      const part = symbol === undefined ? undefined : partOf(symbol);
      this.#drawing.light(part === undefined ? undefined : new Set([part]));
      for (const each of formulas.querySelectorAll<HTMLElement>("[data-symbol]")) {
        each.classList.toggle("lit", each.dataset.symbol === symbol);
      }
    };
    const release = (): void => point(new Event("release"));
    formulas.addEventListener("pointerover", point);
    formulas.addEventListener("pointerleave", release);
    formulas.addEventListener("focusin", point);
    formulas.addEventListener("focusout", release);
  }

  #edit(part: SVGElement | undefined): boolean {
    const name = part?.dataset.part;
    if (!part || name === undefined || !this.#shown || !numberNames.includes(name)) return false;
    const over = this.element.querySelector(`.part[data-part="${name}"]`)!;
    this.#editor.open({ name, value: readNumber(this.#shown.lesson.start, name), over });
    return true;
  }

  show(shown: Shown): void {
    this.#shown = shown;
    this.#drawing.show(shown);
  }

  dispose(): void {
    this.#observer.disconnect();
  }
}
