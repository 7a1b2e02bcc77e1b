// Steps to the end of an epoch, one epoch after the other.

import { stepsPerEpoch } from "./setup.ts";
import type { PlaygroundState } from "./state.ts";
import type { Split } from "./datasets.ts";

export class EpochEnds {
  #last = Promise.resolve();
  #generation = 0;

  /** What was requested is of a training that has gone: it will not be answered. */
  forget(): void {
    this.#generation++;
    this.#last = Promise.resolve();
  }

  /**
   * @param readStep where training stands, behind the steps that were sent off before
   * @param take so many steps: to the end of the epoch, or from an end to the next
   */
  next(state: PlaygroundState, split: Split, readStep: () => Promise<number>, take: (steps: number) => void): void {
    const generation = this.#generation;
    this.#last = this.#last.then(async () => {
      const step = await readStep();
      const each = stepsPerEpoch(state, split);
      if (generation === this.#generation) take(each - (step % each));
    });
  }
}
