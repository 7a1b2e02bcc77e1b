// What the page asks its worker, and what the worker answers. Every request carries all that it needs, so that one whose GPU was
// lost can be asked again.

import type { DeviceChoice, DeviceKind, Trace } from "../../index.ts";
import type { StepStart } from "../../explain.ts";

export type Request =
  | { readonly kind: "device" }
  /** Training steps on one row. */
  | { readonly kind: "run"; readonly start: StepStart; readonly steps: number }
  /** One step with every value read back. */
  | { readonly kind: "trace"; readonly start: StepStart };

/** Where the worker computes. */
export interface Place {
  readonly kind: DeviceKind;
  readonly name: string;
  /** Why this is no hardware GPU. */
  readonly fallbackReason: string | undefined;
}

export interface Run {
  /** Before each step. */
  readonly losses: readonly number[];
  /** After the last. */
  readonly parameters: Float64Array;
  readonly tookMs: number;
  /** What computed: a GPU offloads a network as small as this to WebAssembly. */
  readonly machine: DeviceKind;
}

export interface Answers {
  readonly device: object;
  readonly run: { readonly run: Run };
  readonly trace: { readonly trace: Trace };
}

export interface Fault {
  readonly code: string;
  readonly message: string;
}

export interface ToWorker {
  readonly id: number;
  /** What to compute on, from the first message on; undefined: the fastest there is. */
  readonly device: DeviceChoice | undefined;
  readonly request: Request;
}

/** @property wasLost the GPU went away meanwhile, and the request was computed again */
export interface FromWorker {
  readonly id: number;
  readonly place?: Place;
  readonly wasLost?: boolean;
  readonly answer?: Answers[Request["kind"]];
  readonly fault?: Fault;
}
