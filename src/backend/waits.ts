/**
 * Timeouts for requests of a GPU and for its work; a software adapter is slow on a busy machine. `again` is for a device that was opened
 * again after it had not answered: all tries together take at most half a minute on hardware, and a minute and a half elsewhere.
 */
export const patienceMs = { opening: 10_000, gpu: 20_000, software: 60_000, again: { gpu: 8000, software: 20_000 } };

/** Between two looks of the watchdog. */
const tickMs = 250;

interface Wait {
  readonly reject: (reason: Error) => void;
  /** Told once, when patience is over. */
  readonly late: () => void;
  ticksLeft: number;
}

/**
 * Awaits what a GPU promises: until it answers, until all waits are ended, or until patience is over. Patience is counted in looks
 * of a watchdog, of which there is at most one in any 250 ms: a machine that slept, or a page that was frozen, has used up one.
 */
export class Waits {
  readonly #open = new Set<Wait>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param patienceMs default: as long as it takes
   * @param late called when patience is over; the wait continues until it is ended
   */
  until<T>(work: Promise<T>, patienceMs = Number.POSITIVE_INFINITY, late: () => void = () => {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const wait: Wait = { reject, late, ticksLeft: Math.ceil(patienceMs / tickMs) };
      this.#open.add(wait);
      if (patienceMs !== Number.POSITIVE_INFINITY) this.#timer ??= setTimeout(() => this.#look(), tickMs);
      const close = (): void => {
        this.#open.delete(wait);
        if (this.#open.size > 0 || this.#timer === undefined) return;
        clearTimeout(this.#timer);
        this.#timer = undefined;
      };
      work.then(
        (value) => {
          close();
          resolve(value);
        },
        (error: unknown) => {
          close();
          reject(error as Error);
        },
      );
    });
  }

  /** Rejects all that is waited for. */
  end(reason: Error): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const wait of this.#open) wait.reject(reason);
    this.#open.clear();
  }

  #look(): void {
    this.#timer = setTimeout(() => this.#look(), tickMs);
    for (const wait of this.#open) if (--wait.ticksLeft === 0) wait.late();
  }
}

/**
 * Awaits a promise of the host, or rejects after `patienceMs`; used before there is a device.
 * @throws Error
 */
export async function soon<T>(what: string, work: Promise<T>, patienceMs: number): Promise<T> {
  const waits = new Waits();
  return waits.until(work, patienceMs, () =>
    waits.end(new Error(`${what} has not answered for ${patienceMs / 1000} s`)),
  );
}
