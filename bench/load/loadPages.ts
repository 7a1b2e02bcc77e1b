/** A page that loads one contender and takes one training step. */
export interface LoadPage {
  readonly contender: string;
  /** Needs cross-origin isolation for its threads. */
  readonly isIsolated: boolean;
}

/** A page each, `NAME.html` beside this file. */
export const loadPages: readonly LoadPage[] = [
  { contender: "thalweg", isIsolated: false },
  { contender: "tfjs-webgpu", isIsolated: false },
  { contender: "tfjs-wasm", isIsolated: true },
  { contender: "tfjs-cpu", isIsolated: false },
  { contender: "jax-js-webgpu", isIsolated: false },
  { contender: "jax-js-wasm", isIsolated: true },
];
