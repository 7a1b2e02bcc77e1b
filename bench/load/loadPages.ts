import type { Minify } from "../../vite.bench.ts";

/** A page that loads one contender and takes one training step. */
export interface LoadPage {
  readonly contender: string;
  /** Needs cross-origin isolation for its threads. */
  readonly isIsolated: boolean;
  readonly minify: Minify;
}

/** A page each, `NAME.html` beside this file. */
export const loadPages: readonly LoadPage[] = [
  { contender: "thalweg", isIsolated: false, minify: "all" },
  { contender: "tfjs-webgpu", isIsolated: false, minify: "all" },
  { contender: "tfjs-wasm", isIsolated: true, minify: "names" }, // its threads run the text of a function
  { contender: "tfjs-cpu", isIsolated: false, minify: "all" },
  { contender: "jax-js-webgpu", isIsolated: false, minify: "all" },
  { contender: "jax-js-wasm", isIsolated: true, minify: "all" },
];
