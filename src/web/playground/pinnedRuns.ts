// Runs that are kept to be compared with.

import { hasMomentum } from "./setup.ts";
import type { Run } from "./curveLines.ts";
import type { PlaygroundState } from "./state.ts";
import { describeTraining } from "./trainingWords.ts";

export const mostPinned = 20;
/** Entries of a pinned run: fewer than of the one under way, for twenty are drawn with it. */
const mostEntries = 300;

/** Every so many-th entry, and the last. */
export function thinOut<Entry>(entries: readonly Entry[], most: number): Entry[] {
  const stride = Math.max(1, Math.ceil((entries.length - 1) / (most - 1)));
  return entries.filter((_, place) => place % stride === 0 || place === entries.length - 1);
}

/** What was trained, in one line. */
export function describeSettings(state: PlaygroundState): string {
  const { data, points, features, layers, optimizer, learningRate, momentum, batchSize } = state;
  const widths = layers.map(({ width, activation }) => `${width} ${activation}`).join(", ");
  const parts = [
    data === "own" ? `${points.length} own points` : `${data}, noise ${state.noise} %`,
    `${features.length} → ${widths === "" ? "" : `${widths} → `}1`,
    `${optimizer} ${learningRate}`,
    ...(momentum > 0 && hasMomentum(state) ? [`momentum ${momentum}`] : []),
    ...describeTraining(state),
    ...(state.initializer === "auto" ? [] : [state.initializer]),
    state.loss,
    `batch ${batchSize}`,
    `seed ${state.networkSeed ?? state.seed}`,
  ];
  return parts.join(" · ");
}

/** A pinned run has a number of its own that no later one gets. */
export interface PinnedRun extends Run {
  readonly number: number;
}

export class PinnedRuns {
  #runs: readonly PinnedRun[] = [];
  #pinned = 0;

  get all(): readonly PinnedRun[] {
    return this.#runs;
  }

  get isFull(): boolean {
    return this.#runs.length >= mostPinned;
  }

  /** Keeps a copy of what a run is now; nothing of one without steps, and none beyond the twentieth. */
  pin(run: Omit<Run, "name">): void {
    if (this.isFull || run.entries.length === 0) return;
    const number = ++this.#pinned;
    const entries = thinOut(run.entries, mostEntries);
    this.#runs = [...this.#runs, { ...run, number, name: `run ${number}`, entries, marks: [...run.marks] }];
  }

  remove(number: number): void {
    this.#runs = this.#runs.filter((run) => run.number !== number);
  }
}
