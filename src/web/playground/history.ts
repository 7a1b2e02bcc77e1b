// Losses and accuracies over the steps, in bounded memory.

/** What one redraw brings. */
export interface Measurement {
  readonly step: number;
  /** While training, since it began. */
  readonly seconds: number;
  readonly trainingLoss: number;
  readonly testLoss: number | undefined;
  readonly trainingAccuracy: number;
  readonly testAccuracy: number | undefined;
}

export interface HistoryEntry extends Measurement {
  readonly epoch: number;
}

/** Where training diverged, or had the weights that early stopping has brought back. */
export interface Mark {
  readonly kind: "diverged" | "best";
  readonly step: number;
  readonly epoch: number;
  readonly seconds: number;
}

/** Entries kept at most; then every second one is left out. */
const mostEntries = 1200;

export class History {
  #entries: HistoryEntry[] = [];
  #stride = 1;
  #skipped = 0;
  #marks: Mark[] = [];

  get entries(): readonly HistoryEntry[] {
    return this.#entries;
  }

  get marks(): readonly Mark[] {
    return this.#marks;
  }

  /**
   * Entries come by rising step; one of an earlier step takes back what came after it.
   * @param epochsPerStep since the entry before: another batch size makes other epochs, and those behind stay what they were
   */
  add(measurement: Measurement, epochsPerStep: number): void {
    const { step } = measurement;
    while (this.#entries.length > 0 && this.#entries[this.#entries.length - 1]!.step >= step) this.#entries.pop();
    const entry = { ...measurement, epoch: this.#epochAt(step, epochsPerStep) };
    // The newest entry is always there; it stays when it is its turn.
    if (this.#skipped > 0 && this.#skipped < this.#stride) this.#entries.pop();
    this.#skipped = this.#skipped >= this.#stride ? 1 : this.#skipped + 1;
    this.#entries.push(entry);
    if (this.#entries.length <= mostEntries) return;
    this.#entries = this.#entries.filter((_, place) => place % 2 === 0);
    this.#stride *= 2;
  }

  /** Training diverged. */
  mark(step: number, seconds: number, epochsPerStep: number): void {
    this.#marks.push({ kind: "diverged", step, seconds, epoch: this.#epochAt(step, epochsPerStep) });
  }

  /** Early stopping has brought the weights of a step back, which lies between two entries. */
  markBest(step: number): void {
    const after = this.#entries.find((entry) => entry.step >= step) ?? this.#entries.at(-1);
    const before = this.#entries.findLast((entry) => entry.step <= step) ?? { step: 0, epoch: 0, seconds: 0 };
    if (!after) return;
    const share = after.step > before.step ? (step - before.step) / (after.step - before.step) : 0;
    const between = (key: "epoch" | "seconds"): number => before[key] + share * (after[key] - before[key]);
    this.#marks.push({ kind: "best", step, epoch: between("epoch"), seconds: between("seconds") });
  }

  clear(): void {
    this.#entries = [];
    this.#stride = 1;
    this.#skipped = 0;
    this.#marks = [];
  }

  #epochAt(step: number, epochsPerStep: number): number {
    const last = this.#entries[this.#entries.length - 1] ?? { step: 0, epoch: 0 };
    return last.epoch + (step - last.step) * epochsPerStep;
  }
}
