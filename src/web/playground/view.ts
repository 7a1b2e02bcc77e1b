import "./playground.css";
import type { MountedView, View } from "../view.ts";
import { Playground } from "./playground.ts";

/** Where keys belong to what has the focus. */
const isTaken = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  target.matches("input, select, textarea, button, summary, a, canvas, [contenteditable], [tabindex]:not(main)");

function listen(playground: Playground, signal: AbortSignal): void {
  const keys: Readonly<Record<string, () => void>> = {
    " ": () => playground.toggle(),
    s: () => playground.step(1),
    r: () => playground.reset(),
  };
  const onKey = (event: KeyboardEvent): void => {
    const act = keys[event.key.toLowerCase()];
    if (!act || event.ctrlKey || event.metaKey || event.altKey || isTaken(event.target)) return;
    event.preventDefault();
    act();
  };
  document.addEventListener("keydown", onKey, { signal });
  const restyle = (): void => playground.restyle();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle, { signal });
}

/** A file dropped anywhere on the page. */
function acceptFiles(playground: Playground, signal: AbortSignal): void {
  const mark = (isDropping: boolean): void => void document.body.classList.toggle("dropping-table", isDropping);
  const hasFile = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") === true;
  const onDragOver = (event: DragEvent): void => {
    if (!hasFile(event)) return;
    event.preventDefault();
    mark(true);
  };
  const onDrop = (event: DragEvent): void => {
    mark(false);
    const [file] = event.dataTransfer?.files ?? [];
    if (!file) return;
    event.preventDefault();
    playground.open(file);
  };
  document.addEventListener("dragover", onDragOver, { signal });
  document.addEventListener("dragleave", () => mark(false), { signal });
  document.addEventListener("drop", onDrop, { signal });
  signal.addEventListener("abort", () => mark(false));
}

export const view: View = {
  mount(root, state): MountedView {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    const playground = new Playground(root, state, worker);
    const listeners = new AbortController();
    listen(playground, listeners.signal);
    acceptFiles(playground, listeners.signal);
    return {
      dispose: () => {
        listeners.abort();
        playground.dispose();
      },
    };
  },
};
