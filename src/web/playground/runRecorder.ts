// Records the curves of the current run.

import type { DivergedMessage, FrameMessage } from "../worker/protocol.ts";
import type { Run } from "./curveLines.ts";
import type { PlaygroundFrame, StoppedRun } from "./frame.ts";
import { History } from "./history.ts";
import { describeSettings } from "./pinnedRuns.ts";
import { encodeState, type PlaygroundState } from "./state.ts";
import { TrainingClock } from "./trainingClock.ts";

type Frame = FrameMessage<PlaygroundFrame>;

export class RunRecorder {
  readonly #history = new History();
  readonly #clock = new TrainingClock();
  readonly #told = new WeakMap<PlaygroundState, { readonly settings: string; readonly address: string }>();
  #epochsPerStep = 0;

  /** Training continues, or takes some steps. */
  go(): void {
    this.#clock.start(performance.now());
  }

  reset(): void {
    this.#history.clear();
    this.#clock.reset();
  }

  /**
   * Takes what a frame says of the training; one that shows weights of an earlier step adds nothing.
   * @param goesOn more steps follow by themselves
   * @returns whether there is something new to draw
   */
  add({ step, epoch, content: { details, stopped } }: Frame, goesOn: boolean): boolean {
    const seconds = this.#clock.lap(performance.now(), goesOn);
    if (step > 0) this.#epochsPerStep = epoch / step;
    if (!details || step === 0 || stopped) return false;
    const { training, test } = details;
    const measurement = {
      step,
      seconds,
      trainingLoss: training.loss,
      testLoss: test?.loss,
      trainingAccuracy: training.accuracy,
      testAccuracy: test?.accuracy,
    };
    this.#history.add(measurement, this.#epochsPerStep);
    return true;
  }

  /** @param last frame before; of a training that diverged at once its state is told at least */
  diverged({ step, goodStep }: DivergedMessage, last: Frame | undefined): void {
    this.#history.mark(step, this.#clock.seconds, this.#epochsPerStep);
    if (last && this.#history.entries.length === 0) this.add({ ...last, step: goodStep }, false);
  }

  stopped({ bestStep }: StoppedRun): void {
    if (bestStep >= 0) this.#history.markBest(bestStep);
  }

  run(state: PlaygroundState): Run {
    let told = this.#told.get(state);
    if (!told) {
      told = { settings: describeSettings(state), address: encodeState(state).toString() };
      this.#told.set(state, told);
    }
    const { entries, marks } = this.#history;
    return { name: "now", ...told, entries, marks };
  }
}
