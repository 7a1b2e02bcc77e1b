// Signs of buttons, drawn: fonts do not all have them.

import { svg } from "../dom.ts";

const paths = {
  first: "M2 2h2.2v12H2zM14 2v12L5.5 8z",
  back: "M12 2v12L3.5 8z",
  on: "M4 2v12l8.5-6z",
  last: "M11.8 2H14v12h-2.2zM2 2v12l8.5-6z",
  play: "M4 1.5v13L14 8z",
  pause: "M3 2h3.6v12H3zM9.4 2H13v12H9.4z",
} as const;

export type IconName = keyof typeof paths;

export const icon = (name: IconName): SVGElement =>
  svg("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: paths[name] }));
