/** Something that is done at most so often. */
export class Interval {
  readonly #ms: number;
  #doneMs = Number.NEGATIVE_INFINITY;

  constructor(ms: number) {
    this.#ms = ms;
  }

  /** Whether it is time again; if so, it counts as done. */
  isDue(nowMs = performance.now()): boolean {
    const due = nowMs - this.#doneMs >= this.#ms;
    if (due) this.#doneMs = nowMs;
    return due;
  }
}
