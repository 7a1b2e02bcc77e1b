import type { SymbolType } from "@observablehq/plot";

// How a contender looks, the same in every chart: hue tells the library, shade, marker and dash its back end.

export type Theme = "light" | "dark" | "auto";

export interface Look {
  readonly color: string;
  readonly symbol: SymbolType;
  /** `stroke-dasharray`; empty: solid. */
  readonly dash: string;
}

interface Style {
  /** On white, and on near-black. */
  readonly colors: readonly [light: string, dark: string];
  readonly symbol: SymbolType;
  readonly dash: string;
}

const solid = "";
const dashed = "6 3";
const dotted = "2 3";

/**
 * Within these hues, shades were searched for the largest least distance of any two, in Lab, as seen with each kind of
 * colour blindness (Machado 2009) and without: above 17 in every pair. Markers differ besides.
 * A hand-written program of a library, or another strategy of thalweg, keeps the library's color and has its own marker and dash.
 */
const styles: Readonly<Record<string, Style>> = {
  thalweg: { colors: ["#0065e5", "#6c98ff"], symbol: "circle", dash: solid },
  "thalweg-webgpu": { colors: ["#0065e5", "#6c98ff"], symbol: "diamond", dash: dashed },
  "thalweg-wasm": { colors: ["#0065e5", "#6c98ff"], symbol: "plus", dash: "2 2" },
  "thalweg-layered": { colors: ["#0065e5", "#6c98ff"], symbol: "wye", dash: "8 2 2 2" },
  "thalweg-cpu64": { colors: ["#014769", "#a2d7ee"], symbol: "times", dash: dotted },
  "plain-js": { colors: ["#363433", "#888685"], symbol: "cross", dash: dotted },
  "float32-js": { colors: ["#65605f", "#fae7df"], symbol: "asterisk", dash: dashed },
  "tfjs-webgpu": { colors: ["#da6e00", "#ee5228"], symbol: "square", dash: solid },
  "tfjs-webgpu-by-hand": { colors: ["#da6e00", "#ee5228"], symbol: "wye", dash: "8 2 2 2" },
  "tfjs-webgpu-forward": { colors: ["#704c00", "#ff9e07"], symbol: "diamond", dash: solid },
  "tfjs-wasm": { colors: ["#e42938", "#d76353"], symbol: "square2", dash: dashed },
  "tfjs-wasm-by-hand": { colors: ["#e42938", "#d76353"], symbol: "plus", dash: "2 2" },
  "tfjs-cpu": { colors: ["#5d2508", "#f9c384"], symbol: "diamond2", dash: dotted },
  "jax-js-webgpu": { colors: ["#1ca291", "#39d3a4"], symbol: "triangle", dash: solid },
  "jax-js-webgpu-by-hand": { colors: ["#1ca291", "#39d3a4"], symbol: "wye", dash: "8 2 2 2" },
  "jax-js-wasm": { colors: ["#72995f", "#bef460"], symbol: "triangle2", dash: dashed },
  "jax-js-wasm-by-hand": { colors: ["#72995f", "#bef460"], symbol: "plus", dash: "2 2" },
  "onnxruntime-webgpu": { colors: ["#c76ccb", "#aa76ab"], symbol: "star", dash: solid },
  "onnxruntime-wasm": { colors: ["#4f038f", "#bab2ff"], symbol: "hexagon", dash: dashed },
};

/** For contenders that joined later. */
const others: readonly Style[] = [
  { colors: ["#00727f", "#4fc9d6"], symbol: "wye", dash: "8 2 2 2" },
  { colors: ["#8c1d5b", "#f08abf"], symbol: "plus", dash: "8 2 2 2" },
  { colors: ["#4a5d23", "#b5c98a"], symbol: "wye", dash: "4 2" },
  { colors: ["#3d3d8f", "#a3a3f0"], symbol: "plus", dash: "4 2" },
];

const hash = (name: string): number => [...name].reduce((sum, letter) => (31 * sum + letter.codePointAt(0)!) >>> 0, 7);
const styleOf = (contender: string): Style => styles[contender] ?? others[hash(contender) % others.length]!;

const roles = {
  ink: ["#1c1b1a", "#ececec"],
  muted: ["#5f5b57", "#a8a5a1"],
  /** Grid, guides and separators, a little of it. */
  faint: ["#d9d6d2", "#3d3b39"],
  background: ["#ffffff", "#161514"],
  bad: ["#b3261e", "#ff9b93"],
} as const;
type Role = keyof typeof roles;

/** Colours of one theme. */
export type Paint = Readonly<Record<Role, string>> & { readonly of: (contender: string) => Look };

const pick = ([light, dark]: readonly [string, string], theme: Theme): string => {
  // `auto` follows the page's color-scheme
  if (theme === "auto") return `light-dark(${light}, ${dark})`;
  return theme === "light" ? light : dark;
};

/**
 * Colours as CSS custom properties for a chart's root element. Attributes cannot hold `light-dark()` where the plotting
 * library must see that it is a colour; they hold `var(--race-ink)` instead.
 */
export function variablesOf(theme: Theme): Record<string, string> {
  const own = Object.entries(roles).map(([role, colors]) => [`--race-${role}`, pick(colors, theme)]);
  const contenders = Object.entries(styles).map(([name, { colors }]) => [`--race-${name}`, pick(colors, theme)]);
  const spare = others.map(({ colors }, index) => [`--race-other-${index}`, pick(colors, theme)]);
  return Object.fromEntries([...own, ...contenders, ...spare]) as Record<string, string>;
}

const variableOf = (contender: string): string =>
  `var(--race-${contender in styles ? contender : `other-${hash(contender) % others.length}`})`;

/** Hexadecimal colours, so that a picture needs no CSS; variables for `auto`. */
export function paintOf(theme: Theme): Paint {
  const role = (name: Role): string => (theme === "auto" ? `var(--race-${name})` : pick(roles[name], theme));
  const of = (contender: string): Look => {
    const { colors, symbol, dash } = styleOf(contender);
    return { color: theme === "auto" ? variableOf(contender) : pick(colors, theme), symbol, dash };
  };
  return {
    ink: role("ink"),
    muted: role("muted"),
    faint: role("faint"),
    background: role("background"),
    bad: role("bad"),
    of,
  };
}
