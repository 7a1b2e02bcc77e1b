import "./playground.css";
import type { MountedView, View } from "../view.ts";
import { takeHandedOver } from "../handOver.ts";
import { Playground } from "./playground.ts";

/** Where keys belong to what has the focus. */
const isTaken = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  target.matches("input, select, textarea, button, summary, a, canvas, [contenteditable], [tabindex]:not(main)");

function listen(playground: Playground, signal: AbortSignal): void {
  const keys: Readonly<Record<string, () => void>> = {
    " ": () => playground.toggle(),
    s: () => playground.step(1),
    e: () => playground.finishEpoch(),
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

/** Steps that an address may ask for, and those that are taken between two redraws. */
const mostSteps = 1_000_000;
const stretch = 500;

/** `steps=1000` in the address: the network opens as it is after so many steps, as a cell of a population does. */
function takeSteps(playground: Playground, params: URLSearchParams): void {
  const asked = Number(params.get("steps") ?? 0);
  const steps = Number.isInteger(asked) && asked <= mostSteps ? asked : 0;
  for (let left = steps; left > 0; left -= stretch) playground.step(Math.min(stretch, left));
}

export const view: View = {
  mount(root, state): MountedView {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    const handed = takeHandedOver();
    const playground = new Playground(root, state, worker, handed);
    if (!handed) takeSteps(playground, state.read());
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
