// What the view of populations and its worker say to each other, beside what every session says.

import type { Dataset } from "../../index.ts";
import type { MetricName } from "./state.ts";

/** What networks are scored on. */
export type Rows = "training" | "test";

export interface PopulationOptions {
  readonly test: Dataset;
  /** What is looked at: where scoring takes long, a frame on the way has these alone. */
  readonly rows: Rows;
}

/** One figure of all networks. */
export interface Metric {
  /** [networks]; NaN where a network has stopped or its figure is not finite. */
  readonly values: Float32Array;
  /** At `spreadShares`. */
  readonly quantiles: readonly number[];
}

export interface PopulationFrame {
  /** Undefined where scoring would take more than its share of the time, or nothing has been trained yet. */
  readonly metrics: Readonly<Partial<Record<MetricName, Metric>>> | undefined;
  /** Networks whose numbers are not finite any more. */
  readonly diverged: number;
  /** Steps that all networks have taken together. */
  readonly taken: number;
  /** Undefined without early stopping. */
  readonly stopping: Stopping | undefined;
}

/** How early stopping goes. */
export interface Stopping {
  /** Networks that have stopped. */
  readonly count: number;
  /** Share of the steps that they were spared; at the end, of all. */
  readonly saved: number;
  /** Steps after which each has stopped [networks]; −1: it continues. */
  readonly stoppedSteps: Float32Array;
  /** Step of the best parameters, which those have back that have stopped, and at the end all [networks]; −1: it has its newest. */
  readonly restoredSteps: Float32Array;
}
