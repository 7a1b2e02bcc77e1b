/** Work under way at once: enough to keep the device busy, few enough to stop within a moment. */
const most = 2;

/** What was submitted and is not known to be done. */
export class InFlight {
  readonly #all: Promise<void>[] = [];

  /** Adds work, and waits until little is under way. @throws what earlier work failed with */
  async add(done: Promise<void>): Promise<void> {
    done.catch(() => {}); // thrown where it is awaited
    this.#all.push(done);
    if (this.#all.length > most) await this.#all.shift();
  }

  async finished(): Promise<void> {
    await Promise.all(this.#all.splice(0));
  }
}
