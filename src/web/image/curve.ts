/** Means over equal stretches of steps. */
export interface Stretches {
  /** Last step of each stretch. */
  readonly steps: readonly number[];
  readonly means: readonly number[];
}

/** Stretches that are kept: more than a chart has pixels. */
const mostStretches = 512;

/** A curve of any length in few numbers: when there are too many stretches, two become one. */
export class Curve {
  #size = 1;
  #steps = 0;
  #means: number[] = [];
  #sum = 0;
  #count = 0;

  /** Adds the losses of the next steps; what is not finite is left out. */
  add(losses: ArrayLike<number>): void {
    for (let index = 0; index < losses.length; index++) {
      const loss = losses[index]!;
      this.#steps++;
      if (Number.isFinite(loss)) {
        this.#sum += loss;
        this.#count++;
      }
      if (this.#steps % this.#size === 0) this.#close();
    }
  }

  #close(): void {
    this.#means.push(this.#count > 0 ? this.#sum / this.#count : Number.NaN);
    this.#sum = this.#count = 0;
    if (this.#means.length < mostStretches) return;
    const means = this.#means;
    this.#means = Array.from(
      { length: means.length / 2 },
      (_, index) => (means[2 * index]! + means[2 * index + 1]!) / 2,
    );
    this.#size *= 2;
  }

  /** Forgets the steps from `step` on: training has gone back there. */
  cutAt(step: number): void {
    this.#means.length = Math.min(this.#means.length, Math.floor(step / this.#size));
    this.#steps = step;
    this.#sum = this.#count = 0;
  }

  get stretches(): Stretches {
    return { steps: this.#means.map((_, index) => (index + 1) * this.#size), means: this.#means };
  }
}
