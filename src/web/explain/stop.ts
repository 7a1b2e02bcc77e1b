import type { StepLine } from "../../explain.ts";

export type StopKind = "given" | "sum" | "activation" | "loss" | "factors" | "gradient" | "update" | "after";

/** A stop of the walk, before it is told in words. */
export interface Plan {
  readonly kind: StopKind;
  /** Which part of the step it belongs to: several stops share it. */
  readonly part: string;
  readonly title: string;
  readonly lines: readonly StepLine[];
}

/** A stop of the walk through one training step. */
export interface Stop extends Plan {
  /** In plain words. */
  readonly sentence: string;
}
