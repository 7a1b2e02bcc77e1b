// Functions of rows of logits: what their kernel is told.

import { commandQueueOf } from "./commandQueue.ts";
import type { GpuDevice } from "../device.ts";
import type { StoredValues } from "./elementwise.ts";
import { tensorKernel } from "./tensorKernels.ts";

export interface SoftmaxRequest {
  readonly device: GpuDevice;
  /** Place in softmaxNames. */
  readonly operation: number;
  /** [outer, width, inner]. */
  readonly a: StoredValues;
  /** As a; a itself where the function takes no values. */
  readonly b: StoredValues;
  readonly out: StoredValues;
  /** outer · inner. */
  readonly rows: number;
  readonly width: number;
  readonly inner: number;
}

/** Columns from which a row is shared by a workgroup. */
const longRow = 512;
/** Operations of a column by which long dispatches are cut: it is read three times, with two exponentials. */
const columnOperations = 64;

/** Records a function of every row, in one dispatch. */
export function encodeSoftmax({ device, operation, a, b, out, rows, width, inner }: SoftmaxRequest): void {
  const lanes = width > longRow ? 64 : 1;
  commandQueueOf(device).dispatchValues({
    source: tensorKernel("softmaxRows", [a.dtype, b.dtype, out.dtype]),
    constants: { OPERATION: operation, LANES: lanes },
    bound: [a.buffer, b.buffer, out.buffer],
    values: rows * lanes,
    operations: columnOperations * Math.ceil(width / lanes) + lanes,
    uniform: { aOffset: a.offset, bOffset: b.offset, outOffset: out.offset, width, inner },
  });
}
