/** Time that the steps between two frames are meant to take: 15 to 25 frames a second with the frames themselves. */
const targetMs = 40;
/** Change from one frame to the next: what was measured may have been a pause. */
const growth = 2;

/**
 * Steps until the next frame at full speed.
 * @param steps taken before the last frame, in `spentMs`
 */
export function nextSteps(steps: number, spentMs: number): number {
  const factor = Math.min(growth, Math.max(1 / growth ** 2, targetMs / Math.max(spentMs, 0.01)));
  return Math.max(1, Math.round(steps * factor));
}

/** Steps a second over the last second or so of training, frames and waits between them included. */
export class Speedometer {
  #steps = 0;
  #ms = 0;

  /** A stretch of training with its frame. */
  add(steps: number, ms: number): void {
    const kept = Math.exp(-ms / 1000);
    this.#steps = kept * this.#steps + steps;
    this.#ms = kept * this.#ms + ms;
  }

  get stepsPerSecond(): number {
    return this.#ms === 0 ? 0 : (1000 * this.#steps) / this.#ms;
  }
}
