import type { FloatArray } from "../../index.ts";

/** Losses that are kept for the next frame at most. */
const mostLosses = 2 ** 22;

/** Losses since the last frame: the page may take none for a long time. */
export class LossQueue {
  #parts: FloatArray[] = [];
  #length = 0;

  add(losses: FloatArray | undefined): void {
    if (!losses) return;
    this.#parts.push(losses);
    this.#length += losses.length;
    while (this.#length > mostLosses && this.#parts.length > 1) this.#length -= this.#parts.shift()!.length;
  }

  /** All of them in one array of its own, oldest first. */
  take(): Float32Array {
    const all = new Float32Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    this.drop();
    return all;
  }

  drop(): void {
    this.#parts = [];
    this.#length = 0;
  }
}
