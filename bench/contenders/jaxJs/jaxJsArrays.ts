// Arrays of jax-js: up, down, and how work that was described gets under way.

import { type Array as JaxArray, numpy as np } from "@jax-js/jax";

/**
 * jax-js computes nothing until somebody asks for a value. queue: kernels go to the GPU's queue, nobody waits; one thread:
 * the caller computes; threads: a pool of workers computes, and the caller awaits each call.
 */
export type HandOver = "queue" | "one thread" | "threads";

/** Where jax-js' wasm backend starts a pool of workers: Node has no `Worker`, and a page needs cross-origin isolation. */
export const hasThreads = (): boolean => typeof SharedArrayBuffer !== "undefined" && typeof Worker !== "undefined";

export const upload = (values: Float32Array, shape: readonly number[]): JaxArray =>
  np.array(values, { shape: [...shape] });

/** A view of one value at the front; asking for it moves 4 bytes. */
const front = (array: JaxArray): JaxArray => array.ref.reshape([-1]).slice([0, 1]);

/** Starts all that `array` depends on. What one call of a jitted function computes starts together. */
export async function startWork(how: HandOver, array: JaxArray): Promise<void> {
  if (how === "threads") await array.blockUntilReady();
  else startWorkNow(how, array);
}

/** As `startWork`, without a promise, for the two ways that need none. */
export function startWorkNow(how: "queue" | "one thread", array: JaxArray): void {
  if (how === "queue") array.ref.gpuBufferSync();
  else front(array).dataSync();
}

/** Computes all of `arrays`; what has to be compiled on the way is compiled side by side. */
export async function settle(how: HandOver, arrays: readonly JaxArray[]): Promise<void> {
  for (const array of arrays) {
    if (how === "one thread") startWorkNow(how, array);
    else await array.blockUntilReady();
  }
}

/** Waits for every array. @returns the first value of the first */
export async function firstValue(how: HandOver, arrays: readonly JaxArray[]): Promise<number> {
  // one queue works in order, but a pool of threads may still be at the others
  if (how === "threads") await settle(how, arrays);
  return (await front(arrays[0]!).data())[0]!;
}

export const download = async (array: JaxArray): Promise<Float32Array> => (await array.ref.data()) as Float32Array;

export function disposeAll(arrays: readonly JaxArray[]): void {
  for (const array of arrays) array.dispose();
}
