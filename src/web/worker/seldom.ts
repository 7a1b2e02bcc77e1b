/** Something that a frame does only now and then, the dearer the more seldom. */
export class Seldom {
  readonly #share: number;
  #dueMs = 0;

  /** @param share for each millisecond of the work so many milliseconds pass without it */
  constructor(share: number) {
    this.#share = share;
  }

  /** Does the work if enough time has passed since the last, or if it must be done. */
  async when<Result>(must: boolean, work: () => Promise<Result>): Promise<Result | undefined> {
    const startMs = performance.now();
    if (!must && startMs < this.#dueMs) return undefined;
    const result = await work();
    const endMs = performance.now();
    this.#dueMs = endMs + this.#share * (endMs - startMs);
    return result;
  }
}
