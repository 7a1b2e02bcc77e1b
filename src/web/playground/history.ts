// Losses and accuracies over the steps, in bounded memory.

export interface HistoryEntry {
  readonly step: number;
  readonly trainingLoss: number;
  readonly testLoss: number | undefined;
  readonly trainingAccuracy: number;
  readonly testAccuracy: number | undefined;
}

/** Entries kept at most; then every second one is left out. */
const mostEntries = 1200;

export class History {
  #entries: HistoryEntry[] = [];
  #stride = 1;
  #skipped = 0;
  /** Steps at which training diverged. */
  readonly marks: number[] = [];

  get entries(): readonly HistoryEntry[] {
    return this.#entries;
  }

  /** Entries come by rising step; one of an earlier step takes back what came after it. */
  add(entry: HistoryEntry): void {
    while (this.#entries.length > 0 && this.#entries[this.#entries.length - 1]!.step >= entry.step) this.#entries.pop();
    // The newest entry is always there; it stays when it is its turn.
    if (this.#skipped > 0 && this.#skipped < this.#stride) this.#entries.pop();
    this.#skipped = this.#skipped >= this.#stride ? 1 : this.#skipped + 1;
    this.#entries.push(entry);
    if (this.#entries.length <= mostEntries) return;
    this.#entries = this.#entries.filter((_, place) => place % 2 === 0);
    this.#stride *= 2;
  }

  clear(): void {
    this.#entries = [];
    this.#stride = 1;
    this.#skipped = 0;
    this.marks.length = 0;
  }

  toCsv(): string {
    const lines = this.#entries.map(({ step, trainingLoss, testLoss, trainingAccuracy, testAccuracy }) =>
      [step, trainingLoss, testLoss ?? "", trainingAccuracy, testAccuracy ?? ""].join(","),
    );
    return ["step,training loss,test loss,training accuracy,test accuracy", ...lines, ""].join("\n");
  }
}
