import type { LossName } from "../network.ts";
import { logOnePlusExpNegative, sigmoid } from "./activation.ts";
import { crossEntropy, crossEntropySlope, targetTimes } from "./softmax.ts";

/** [loss, its derivative by output] of one value; means are taken by `lossScale`. */
const elementLosses: Record<
  Exclude<LossName, "softmaxCrossEntropy">,
  (output: number, t: number) => [number, number]
> = {
  squaredError: (y, t) => [0.5 * (y - t) ** 2, y - t],
  meanSquaredError: (y, t) => [(y - t) ** 2, 2 * (y - t)],
  meanAbsoluteError: (y, t) => [Math.abs(y - t), Math.sign(y - t)],
  huber: (y, t) => (Math.abs(y - t) <= 1 ? [0.5 * (y - t) ** 2, y - t] : [Math.abs(y - t) - 0.5, Math.sign(y - t)]),
  binaryCrossEntropy: (x, t) => [
    targetTimes(1 - t, Math.max(x, 0)) + targetTimes(t, Math.max(-x, 0)) + logOnePlusExpNegative(x),
    (1 - t) * sigmoid(x) - t * sigmoid(-x), // σ(x) − t would lose its digits near t
  ],
};

/** [loss, its derivative by output] of one value. */
export const elementLoss = (
  loss: Exclude<LossName, "softmaxCrossEntropy">,
  output: number,
  target: number,
): [number, number] => elementLosses[loss](output, target);

/** Factor that turns a sum over the batch into the mean a loss is defined by: over samples, or over all values. */
export function lossScale(loss: LossName, batchSize: number, outputs: number): number {
  return loss === "squaredError" || loss === "softmaxCrossEntropy" ? 1 / batchSize : 1 / (batchSize * outputs);
}

/**
 * Loss of one sample, unscaled, and its gradient by the outputs.
 * Definitions as PyTorch's: `squaredError` is ½ Σ (y − t)²; `huber` has delta 1; both cross entropies take logits.
 * @param outputs [fanOut]
 * @param targets [fanOut]
 * @param dOutputs [fanOut], written
 */
export function sampleLoss(
  loss: LossName,
  outputs: Float64Array,
  targets: Float64Array,
  dOutputs: Float64Array,
): number {
  if (loss === "softmaxCrossEntropy") {
    dOutputs.set(crossEntropySlope(outputs, targets));
    return crossEntropy(outputs, targets);
  }
  const element = elementLosses[loss];
  let total = 0;
  for (let column = 0; column < outputs.length; column++) {
    const [value, derivative] = element(outputs[column]!, targets[column]!);
    total += value;
    dOutputs[column] = derivative;
  }
  return total;
}

export interface LossArguments {
  readonly loss: LossName;
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

/** Mean loss of the batch. Twin of `shaders/loss.wgsl`, which also applies the last activation's derivative. */
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
