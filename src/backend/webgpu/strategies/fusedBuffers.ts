import type { RunBuffers } from "./stepRun.ts";

/** Every buffer of a fused run, owned together. Parameters belong to the executor. */
export interface FusedBuffers extends RunBuffers {
  readonly hyper: GPUBuffer;
  /** [rows, inputs] and [rows, outputs]. */
  readonly inputs: GPUBuffer;
  readonly targets: GPUBuffer;
}
