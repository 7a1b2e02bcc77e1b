import { nextTask } from "../nextTask.ts";

/** Options of work that is done in slices. */
export interface PaceOptions {
  /** Stops the work; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called between slices with the share of the work that is done, from 0 to 1. */
  readonly onProgress?: ((share: number) => void) | undefined;
}

/** Longest time between two turns of the event loop. */
const sliceMs = 8;
/** Rows between two looks at the clock. */
const chunk = 256;

/** Runs loops in slices of a few milliseconds, so that a page stays responsive. */
export class Pace {
  readonly #options: PaceOptions;
  readonly #total: number;
  #done = 0;
  #sliceEnd = performance.now() + sliceMs;

  /** @param total rows of all loops together, an estimate for `onProgress` */
  constructor(options: PaceOptions, total: number) {
    this.#options = options;
    this.#total = total;
    options.signal?.throwIfAborted();
  }

  /** Calls `body` with 0 … count − 1. */
  async each(count: number, body: (index: number) => void): Promise<void> {
    let index = 0;
    while (index < count) {
      const end = Math.min(count, index + chunk);
      this.#done += end - index;
      for (; index < end; index++) body(index);
      if (performance.now() >= this.#sliceEnd) await this.#rest();
    }
  }

  async #rest(): Promise<void> {
    this.#options.onProgress?.(Math.min(1, this.#done / Math.max(1, this.#total)));
    await nextTask();
    this.#options.signal?.throwIfAborted();
    this.#sliceEnd = performance.now() + sliceMs;
  }

  /** Reports that everything is done. */
  end(): void {
    this.#options.signal?.throwIfAborted();
    this.#options.onProgress?.(1);
  }
}
