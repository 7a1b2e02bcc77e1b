import type { Checkpoint, FloatArray, TrainerState } from "../backend/executor.ts";
import type { Evaluation } from "./metrics.ts";
import type { PackedRun } from "./packedRun.ts";

/** What is known of a training at an event. */
export interface Known {
  readonly nonFiniteSteps: Float64Array;
  /** Undefined where there are too many parameters to read at every event. */
  readonly state: Checkpoint | undefined;
}

/** Judges the members of a run at validations, and stops some. */
export interface MemberStopper {
  readonly run: PackedRun;
  /** Whether no member is left that goes on. */
  readonly isDone: boolean;
  /** Members that were stopped. */
  readonly stopped: number;
  /** The first step after `step` at which members are judged; infinite where there is none. */
  nextStep(step: number): number;
  /** Its state as of now, once the losses of members are known that have been stopped. */
  snapshot(): (finalLosses: FloatArray) => TrainerState;
  /** Stops those that had been stopped in the training that is resumed, and judges where that is still to be done. */
  resume(state: Checkpoint): Promise<void>;
  /** Judges members where it is time, and stops some. @returns their scores on the validation rows */
  judge(step: number, known: Known): Promise<Evaluation>;
  /** Gives all members the parameters that they end with. @returns their scores */
  restore(): Promise<Evaluation>;
}
