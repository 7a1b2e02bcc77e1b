import { element } from "../../src/web/dom.ts";
import { button, byId } from "./dom.ts";

/** Says what went wrong until the reader has put it away. */
export function showError(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  const line = element("div", { class: "notice bad" }, element("p", {}, text));
  line.append(button("Dismiss", () => line.remove(), { class: "small" }));
  byId("messages", HTMLElement).append(line);
}

export const notice = (text: string, kind: "bad" | "warn" | "info" = "warn"): HTMLElement =>
  element("p", { class: `notice ${kind}` }, text);

/** Nothing that fails on this page stays in the console alone. */
export function catchAll(): void {
  addEventListener("error", ({ error, message }) => showError(error ?? message));
  addEventListener("unhandledrejection", ({ reason }) => showError(reason));
}
