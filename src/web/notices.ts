// The strip of notices above the view: no WebGPU, resumed, out of memory, a bad file …

import { element } from "./dom.ts";

export type NoticeKind = "info" | "warn" | "bad";

export interface NoticeAction {
  readonly label: string;
  readonly run: () => void;
  /** The reader has dismissed the notice instead. */
  readonly refused?: () => void;
}

/** A notice on the page. */
export interface Notice {
  /** Takes it away, where the reader has not done so. */
  dismiss(): void;
}

const spokenKinds: Record<NoticeKind, string> = { info: "Note: ", warn: "Warning: ", bad: "Error: " };

/** The strip is `role="status"`, so that what comes in is read out. */
const strip = (): HTMLElement => document.getElementById("notices")!;

/**
 * Shows a state in one line. The same text is shown once.
 * @param action what the reader can do about it
 */
export function notice(kind: NoticeKind, text: string, action?: NoticeAction): Notice {
  for (const shown of strip().children) if ((shown as HTMLElement).dataset.text === text) shown.remove();
  const made = element(
    "div",
    { class: `notice ${kind}`, "data-text": text },
    element("p", {}, element("span", { class: "visually-hidden" }, spokenKinds[kind]), text),
  );
  const act = (): void => {
    made.remove();
    action?.run();
  };
  if (action) made.append(element("button", { type: "button", onclick: act }, action.label));
  const dismiss = (): void => {
    made.remove();
    action?.refused?.();
  };
  made.append(element("button", { type: "button", class: "plain", "aria-label": "Dismiss", onclick: dismiss }, "✕"));
  strip().append(made);
  return { dismiss: () => made.remove() };
}

/** Message where a browser has WebGPU but gives no adapter: after several crashes it blocks the page until it is reloaded. */
const blocked = /the browser blocks it/;

/** Tells in one line that the CPU computes, and offers to ask for the GPU again where that may help. */
export const cpuNotice = (text: string, why: string | undefined): Notice =>
  notice("info", text, blocked.test(why ?? "") ? { label: "Reload", run: () => location.reload() } : undefined);

/** Takes all notices away: those of a view do not outlive it. */
export const clearNotices = (): void => strip().replaceChildren();
