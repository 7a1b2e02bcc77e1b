// The page's shell: shows the view that the address names.

import { clearNotices, notice } from "./notices.ts";
import { type Route, readAddress, routeOf } from "./routes.ts";
import type { MountedView, View, ViewState } from "./view.ts";

const stateOf = (path: string): ViewState => ({
  read: () => new URLSearchParams(readAddress(location.hash).query),
  write: (params) => {
    if (readAddress(location.hash).path !== path) return; // of a view that has gone
    const query = params.toString();
    history.replaceState(null, "", `#${path}${query && `?${query}`}`);
  },
});

function markCurrent(path: string): void {
  for (const link of document.querySelectorAll<HTMLAnchorElement>("nav a")) {
    if (link.hash === `#${path}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

let shown: MountedView | undefined;
let visits = 0;

/** What takes longer than this shows a skeleton. */
const skeletonMs = 60;
const skeleton = document.querySelector(".skeleton")!;

/** The view that is shown goes. */
function leave(main: HTMLElement, ...next: readonly Element[]): void {
  shown?.dispose();
  shown = undefined;
  clearNotices();
  main.replaceChildren(...next);
}

/** A view's code; in place of the view before, a skeleton where the code is long in coming. */
async function fetchView(load: Route["load"], main: HTMLElement): Promise<View> {
  const visit = visits;
  const timer = setTimeout(() => visit === visits && leave(main, skeleton), skeletonMs);
  try {
    return (await load()).view;
  } finally {
    clearTimeout(timer);
  }
}

async function show(isFirst: boolean): Promise<void> {
  const visit = ++visits;
  const { path } = readAddress(location.hash);
  const { title, load } = routeOf(path);
  const main = document.getElementById("view")!;
  main.setAttribute("aria-busy", "true");
  markCurrent(path);
  const view = await fetchView(load, main);
  if (visit !== visits) return; // the reader has gone on
  const root = document.createElement("div");
  root.className = "view";
  leave(main, root);
  shown = view.mount(root, stateOf(path));
  document.title = `${title} · thalweg`;
  document.body.dataset.view = path;
  main.setAttribute("aria-busy", "false");
  performance.mark("view shown");
  if (!isFirst) main.focus({ preventScroll: true });
  if (!isFirst) scrollTo(0, 0);
}

function tellFailure(error: unknown): void {
  document.getElementById("view")!.setAttribute("aria-busy", "false");
  skeleton.remove();
  const text = error instanceof Error ? error.message : String(error);
  notice("bad", `This view could not be shown: ${text}`, { label: "Reload", run: () => location.reload() });
}

/** Only addresses of views: a jump within the page is none. */
addEventListener("hashchange", () => {
  if (location.hash === "" || location.hash.startsWith("#/")) show(false).catch(tellFailure);
});
show(true).catch(tellFailure);
