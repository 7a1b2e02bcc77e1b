import { type Loss, targetWidth } from "../../graph/network.ts";
import { lossScale, sampleLoss } from "../sampleLoss.ts";

export interface LossArguments {
  readonly loss: Loss;
  readonly batchSize: number;
  readonly fanOut: number;
  /** [batchSize, fanOut]. */
  readonly outputs: Float64Array;
  /** [rows, fanOut], or one column more: the weight of the row. */
  readonly targets: Float64Array;
  readonly isWeighted?: true | undefined;
  /** [batchSize, fanOut], written: gradient of the mean loss by the outputs, before the activation's derivative. */
  readonly dOutputs: Float64Array;
  readonly batchRows?: Uint32Array | undefined;
}

/** Mean loss of the batch. CPU reference of `shaders/loss.wgsl`, which also applies the last activation's derivative. */
export function loss(own: LossArguments): number {
  const { loss: name, batchSize, fanOut, outputs, targets, dOutputs, batchRows, isWeighted } = own;
  const width = targetWidth({ outputs: fanOut, isWeighted });
  const scale = lossScale(name, batchSize, fanOut);
  let total = 0;
  for (let row = 0; row < batchSize; row++) {
    const source = batchRows?.[row] ?? row;
    const gradient = dOutputs.subarray(row * fanOut, (row + 1) * fanOut);
    const target = targets.subarray(source * width, source * width + fanOut);
    const weight = isWeighted ? targets[source * width + fanOut]! : 1;
    total += weight * sampleLoss(name, outputs.subarray(row * fanOut, (row + 1) * fanOut), target, gradient);
    for (let column = 0; column < fanOut; column++) gradient[column]! *= weight * scale;
  }
  return total * scale;
}
