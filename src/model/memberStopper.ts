import type { Checkpoint, FloatArray, TrainerState } from "../backend/executor.ts";
import type { ResultParameters } from "./resultParameters.ts";
import type { MemberScores } from "./monitor.ts";
import type { PackedRun } from "./packedRun.ts";

/** Where members are trained and validated. */
export interface JudgedPlace {
  readonly run: PackedRun;
  readonly averaged: ResultParameters;
  readonly members: number;
}

/** One validation of members, after `step` steps. */
export interface Validation {
  readonly step: number;
  /** Members that are judged by it: those that continue. */
  readonly judged: readonly number[];
  readonly scores: MemberScores;
  /** Undefined where there are too many parameters to read at every event. */
  readonly state: Checkpoint | undefined;
}

/** Judges the members of a run at validations, and stops some. */
export interface MemberStopper {
  isStopped(member: number): boolean;
  /** The first step after `step` at which members are judged; infinite where there is none. */
  nextStep(step: number): number;
  /** Whether members are still to be judged after these steps. */
  isDue(step: number): boolean;
  /** Its state as of now, once the losses of members are known that have been stopped. */
  snapshot(): (finalLosses: FloatArray) => TrainerState;
  /** Stops those that had been stopped in the training that is resumed. */
  resume(state: Checkpoint): Promise<void>;
  /**
   * Judges members where that is due, and stops some: the model then has what they end with.
   * @returns the validation as it then is, for those that are left; undefined where none was stopped
   */
  judge(validation: Validation): Promise<Validation | undefined>;
}
