/** Seconds spent in training: pauses do not count. */
export class TrainingClock {
  #spentMs = 0;
  #sinceMs: number | undefined;

  /** Training continues, or takes some steps. */
  start(nowMs: number): void {
    this.#sinceMs ??= nowMs;
  }

  /** What has passed until now. @param goesOn false: a pause begins */
  lap(nowMs: number, goesOn: boolean): number {
    if (this.#sinceMs !== undefined) this.#spentMs += nowMs - this.#sinceMs;
    this.#sinceMs = goesOn ? nowMs : undefined;
    return this.seconds;
  }

  reset(): void {
    this.#spentMs = 0;
    this.#sinceMs = undefined;
  }

  /** Until the last lap. */
  get seconds(): number {
    return this.#spentMs / 1000;
  }
}
