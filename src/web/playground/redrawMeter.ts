/** Between two redraws where motion is to be reduced. */
const calmMs = 400;

/** A wait before the next redraw, where the reader wants little motion. */
export function calm(): Promise<void> | undefined {
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) return undefined;
  return new Promise((resolve) => setTimeout(resolve, calmMs));
}

/** Counts redraws, and how many there were in the last second. */
export class RedrawMeter {
  #times: number[] = [];
  #total = 0;

  get total(): number {
    return this.#total;
  }

  /** @returns redraws a second; 0 when training rests */
  count(isRunning: boolean): number {
    this.#total++;
    const nowMs = performance.now();
    this.#times.push(nowMs);
    while (this.#times[0]! < nowMs - 1000) this.#times.shift();
    if (!isRunning) this.#times = [];
    const [firstMs = nowMs] = this.#times;
    return this.#times.length < 2 ? 0 : (1000 * (this.#times.length - 1)) / (nowMs - firstMs);
  }
}
