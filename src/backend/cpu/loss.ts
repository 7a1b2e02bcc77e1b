import type { Loss } from "../../graph/network.ts";
import { lossScale, sampleLoss } from "../sampleLoss.ts";

export interface LossArguments {
  readonly loss: Loss;
  readonly batchSize: number;
  readonly fanOut: number;
  /** [batchSize, fanOut]. */
  readonly outputs: Float64Array;
  /** [rows, fanOut]. */
  readonly targets: Float64Array;
  /** [batchSize, fanOut], written: gradient of the mean loss by the outputs, before the activation's derivative. */
  readonly dOutputs: Float64Array;
  readonly batchRows?: Uint32Array | undefined;
}

/** Mean loss of the batch. CPU reference of `shaders/loss.wgsl`, which also applies the last activation's derivative. */
export function loss({ loss: name, batchSize, fanOut, outputs, targets, dOutputs, batchRows }: LossArguments): number {
  const scale = lossScale(name, batchSize, fanOut);
  let total = 0;
  for (let row = 0; row < batchSize; row++) {
    const source = batchRows?.[row] ?? row;
    const own = dOutputs.subarray(row * fanOut, (row + 1) * fanOut);
    const target = targets.subarray(source * fanOut, (source + 1) * fanOut);
    total += sampleLoss(name, outputs.subarray(row * fanOut, (row + 1) * fanOut), target, own);
    for (let column = 0; column < fanOut; column++) own[column]! *= scale;
  }
  return total * scale;
}
