import type { FloatArray } from "../backend/executor.ts";
import type { Evaluation } from "./metrics.ts";
import type { Recovery } from "./recovery.ts";

/** Progress of a training. */
export interface Progress {
  /** Steps done. */
  readonly step: number;
  /** Steps to do in all. */
  readonly steps: number;
  /** Epochs done, a fraction within one. */
  readonly epoch: number;
  /** Mean of those of `losses` that are finite. */
  readonly loss: number;
  /**
   * Loss before each step since the last event [steps, members]. Above 1,024 members only the newest steps are reported,
   * as many as 2²² losses hold.
   */
  readonly losses: FloatArray;
  /** That of the newest step; the mean over members where each has its own. */
  readonly learningRate: number;
  /** Scores on the validation rows, where there are any; where members are judged at an `interval`, then and at the end. */
  readonly validation: Evaluation | undefined;
  /** Members with NaN or infinite values: they have stopped, the other members are unaffected. */
  readonly diverged: number;
  /** Members that early stopping or successive halving has stopped. */
  readonly stopped: number;
  /** Where the device was lost since the last event, and the training went back to that on another one. */
  readonly recovered: Recovery | undefined;
  /** Since the last event. */
  readonly stepsPerSecond: number;
  readonly elapsedMs: number;
  readonly etaMs: number;
}

/** Mean of those losses that are finite; NaN where none is. */
export function meanLoss(losses: FloatArray): number {
  let sum = 0;
  let count = 0;
  for (const loss of losses) {
    if (!Number.isFinite(loss)) continue;
    sum += loss;
    count++;
  }
  return count === 0 ? Number.NaN : sum / count;
}
