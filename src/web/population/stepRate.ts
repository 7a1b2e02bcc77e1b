/** Steps are counted over so long: scoring many networks takes tens of seconds now and then, and is part of it. */
const windowMs = 60_000;

/** How fast a population trains, scores and redraws included. */
export class StepRate {
  #told: { readonly step: number; readonly ms: number }[] = [];

  /** After a pause or for another population. */
  restart(): void {
    this.#told = [];
  }

  add(step: number, ms: number): void {
    this.#told.push({ step, ms });
    while (this.#told.length > 2 && ms - this.#told[0]!.ms > windowMs) this.#told.shift();
  }

  /** NaN before there are two figures. */
  get perSecond(): number {
    const [first, last] = [this.#told[0], this.#told.at(-1)];
    return first && last && last.ms > first.ms ? (1000 * (last.step - first.step)) / (last.ms - first.ms) : Number.NaN;
  }
}
