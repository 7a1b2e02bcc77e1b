import { nextTask } from "../nextTask.ts";
import { type SliceOptions, sliceMs } from "./slices.ts";

/** Rows between two looks at the clock. */
const chunk = 256;

/** Runs loops in slices of a few milliseconds, so that a page stays responsive. */
export class Pace {
  readonly #options: SliceOptions;
  readonly #cells: number;
  readonly #passes: number;
  #done = 0;
  #sliceEnd = performance.now() + sliceMs;

  /**
   * @param cells of the table, which `onProgress` is told
   * @param passes loops over all cells, an estimate
   */
  constructor(options: SliceOptions, cells: number, passes: number) {
    this.#options = options;
    this.#cells = cells;
    this.#passes = passes;
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

  /** Calls `body` with each item, of a map too large to be copied at once. */
  async eachOf<T>(items: Iterable<T>, body: (item: T) => void): Promise<void> {
    let count = 0;
    for (const item of items) {
      body(item);
      if (++count % chunk === 0 && performance.now() >= this.#sliceEnd) await this.#rest();
    }
    this.#done += count;
  }

  async #rest(): Promise<void> {
    const done = Math.min(this.#cells, Math.floor(this.#done / this.#passes));
    this.#options.onProgress?.({ done, total: this.#cells });
    await nextTask();
    this.#options.signal?.throwIfAborted();
    this.#sliceEnd = performance.now() + sliceMs;
  }

  /** Reports that everything is done. */
  end(): void {
    this.#options.signal?.throwIfAborted();
    this.#options.onProgress?.({ done: this.#cells, total: this.#cells });
  }
}
