import type { View } from "./view.ts";

// Which address shows which view.

export interface Route {
  readonly title: string;
  readonly load: () => Promise<{ view: View }>;
}

const first: Route = { title: "One step of gradient descent", load: () => import("./explain/view.ts") };

/** A view's code is fetched when it is first shown. A Map: every object has a `toString`. */
const routes: ReadonlyMap<string, Route> = new Map([
  ["/", first],
  ["/playground", { title: "Playground", load: () => import("./playground/view.ts") }],
  ["/image", { title: "Learn an image", load: () => import("./image/view.ts") }],
  ["/population", { title: "A population of networks", load: () => import("./population/view.ts") }],
]);

export const routeOf = (path: string): Route => routes.get(path) ?? first;

/** `#/playground?net=…` in its two parts; whatever no view has leads to the first screen. */
export function readAddress(hash: string): { path: string; query: string } {
  const [path = "", query = ""] = hash.slice(1).split(/\?(.*)/s);
  return { path: routes.has(path) ? path : "/", query };
}
