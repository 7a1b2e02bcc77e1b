import { notice, type Notice } from "../notices.ts";
import { formatCount, formatNumber } from "./format.ts";
import type { StoppedRun } from "./frame.ts";
import { patienceOf, stoppingSteps } from "./setup.ts";
import type { PlaygroundState } from "./state.ts";

/** Tells once that early stopping has ended a training, for as long as that is so. */
export class StopNotice {
  #step: number | undefined;
  #notice: Notice | undefined;

  get isStopped(): boolean {
    return this.#step !== undefined;
  }

  /** @returns whether this is the first frame of a training that has stopped */
  show(stopped: StoppedRun | undefined, state: PlaygroundState): boolean {
    if (!stopped || this.#step === stopped.step) return false;
    const { step, bestStep, bestLoss } = stopped;
    const steps = formatCount(patienceOf(state) * stoppingSteps);
    const what = `Stopped early at step ${formatCount(step)}: the test loss had been no better for ${steps} steps.`;
    const back = `The weights of step ${formatCount(bestStep)} are back, with a test loss of ${formatNumber(bestLoss)}.`;
    this.#step = step;
    this.#notice?.dismiss();
    this.#notice = notice("info", bestStep < 0 ? what : `${what} ${back}`);
    return true;
  }

  /** Training starts over, or continues. */
  clear(): void {
    this.#step = undefined;
    this.#notice?.dismiss();
  }
}
