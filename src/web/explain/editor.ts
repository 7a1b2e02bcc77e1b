// A field over the drawing, to type another number into.

import { element } from "../dom.ts";
import { parseNumber } from "./numbers.ts";

export interface EditRequest {
  readonly name: string;
  readonly value: number;
  /** The part that is edited; gets the focus back. */
  readonly over: Element;
}

/** @param host positioned element that the field is laid over @param change called with a number that differs */
export function createEditor(host: HTMLElement, change: (name: string, value: number) => void) {
  let close: (() => void) | undefined;

  function place(field: HTMLElement, over: Element): void {
    const [inner, outer] = [over.getBoundingClientRect(), host.getBoundingClientRect()];
    const width = Math.max(inner.width, 120);
    const middle = inner.left + inner.width / 2 - outer.left;
    field.style.width = `${width}px`;
    field.style.left = `${Math.min(Math.max(middle - width / 2, 0), outer.width - width)}px`;
    field.style.top = `${inner.top + inner.height / 2 - outer.top}px`;
  }

  return {
    open({ name, value, over }: EditRequest): void {
      close?.();
      const input = element("input", { type: "text", inputmode: "decimal", "aria-label": name, value: String(value) });
      const fault = element("p", { class: "fault", role: "alert" });
      const field = element("div", { class: "editor" }, input, fault);
      const finish = (isBack: boolean): void => {
        close = undefined;
        field.remove();
        if (isBack) (over as SVGElement).focus();
      };
      const commit = (isBack: boolean): void => {
        const parsed = parseNumber(name, input.value);
        if (typeof parsed === "string") {
          input.setAttribute("aria-invalid", "true");
          fault.textContent = parsed;
          return;
        }
        finish(isBack);
        if (parsed !== value) change(name, parsed);
      };
      close = () => finish(false);
      input.addEventListener("keydown", (event) => {
        if (event.key === "Enter") commit(true);
        else if (event.key === "Escape") finish(true);
        event.stopPropagation();
      });
      // What cannot be read is let go of when the reader goes elsewhere.
      input.addEventListener("blur", () => {
        if (close === undefined || !field.isConnected) return;
        if (typeof parseNumber(name, input.value) === "string") finish(false);
        else commit(false);
      });
      host.append(field);
      place(field, over);
      input.focus();
      input.select();
    },
    close: () => close?.(),
  };
}
