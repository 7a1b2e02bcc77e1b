// Functions of rows of logits: parameters of their kernel.

import { type SoftmaxOperation, softmaxNames } from "../../tensorBackend.ts";
import { type CommandQueue, commandQueueOf } from "./commandQueue.ts";
import type { GpuDevice } from "../device.ts";

/** Columns from which a row is shared by a workgroup. */
const longRow = 512;
/** Operations of a column by which long dispatches are cut: it is read three times, with two exponentials. */
const columnOperations = 64;

/** Records a function of every row, in one dispatch. */
export function encodeSoftmax(
  device: GpuDevice,
  operation: SoftmaxOperation<GPUBuffer>,
  commands: CommandQueue = commandQueueOf(device),
): void {
  const { name, a, b, out, rows, width, inner } = operation;
  const lanes = width > longRow ? 64 : 1;
  commands.dispatchValues({
    kernel: { name: "softmaxRows", types: [a.dtype, b.dtype, out.dtype] },
    constants: { OPERATION: softmaxNames.indexOf(name), LANES: lanes },
    bound: [a.buffer, b.buffer, out.buffer],
    values: rows * lanes,
    operations: columnOperations * Math.ceil(width / lanes) + lanes,
    uniform: { aOffset: a.offset, bOffset: b.offset, outOffset: out.offset, width, inner },
  });
}
