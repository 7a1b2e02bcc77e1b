import { lossScale } from "../../../src/backend/sampleLoss.ts";
import { softplusOf } from "../../../src/math/specialFunctions.ts";
import type { LossName } from "../../../src/graph/network.ts";

/** Loss of a batch: its gradient by the outputs is written. */
export interface LossMemory {
  /** [rows, columns]. */
  readonly outputs: Float32Array;
  /** [rows, columns]. */
  readonly targets: Float32Array;
  /** [rows, columns], written. */
  readonly dOutputs: Float32Array;
  readonly columns: number;
}

/** Writes the gradients of `count` values, times `scale`. @returns the sum of their losses */
type Loss = (memory: LossMemory, count: number, scale: number) => number;

function squaredError({ outputs, targets, dOutputs }: LossMemory, count: number, scale: number): number {
  let sum = 0;
  for (let at = 0; at < count; at++) {
    const error = outputs[at]! - targets[at]!;
    dOutputs[at] = error * scale;
    sum += error * error;
  }
  return sum / 2;
}

const meanSquaredError: Loss = (memory, count, scale) => 2 * squaredError(memory, count, 2 * scale);

function binaryCrossEntropy({ outputs, targets, dOutputs }: LossMemory, count: number, scale: number): number {
  let sum = 0;
  for (let at = 0; at < count; at++) {
    const logit = outputs[at]!;
    dOutputs[at] = (1 / (1 + Math.exp(-logit)) - targets[at]!) * scale;
    sum += Math.max(logit, 0) - logit * targets[at]! + softplusOf(-Math.abs(logit));
  }
  return sum;
}

/** One row from `first` on, whose exponentials wait in dOutputs for their sum. */
function softmaxRow({ outputs, targets, dOutputs, columns }: LossMemory, first: number, scale: number): number {
  const end = first + columns;
  let largest = -Infinity;
  for (let at = first; at < end; at++) largest = Math.max(largest, outputs[at]!);
  let sum = 0;
  let targetSum = 0;
  for (let at = first; at < end; at++) {
    const exponential = Math.exp(outputs[at]! - largest);
    dOutputs[at] = exponential;
    sum += exponential;
    targetSum += targets[at]!;
  }
  const logarithm = Math.log(sum);
  let loss = 0;
  for (let at = first; at < end; at++) {
    loss += targets[at]! * (logarithm - (outputs[at]! - largest));
    dOutputs[at] = ((dOutputs[at]! / sum) * targetSum - targets[at]!) * scale;
  }
  return loss;
}

function softmaxCrossEntropy(memory: LossMemory, count: number, scale: number): number {
  let sum = 0;
  for (let first = 0; first < count; first += memory.columns) sum += softmaxRow(memory, first, scale);
  return sum;
}

const losses: Partial<Record<LossName, Loss>> = {
  squaredError,
  meanSquaredError,
  binaryCrossEntropy,
  softmaxCrossEntropy,
};

export const knowsLoss = (name: LossName): boolean => name in losses;

/** Definitions as in src/backend/cpu/loss.ts. @returns the mean loss of the batch */
export function lossOf(name: LossName, memory: LossMemory, rows: number): number {
  const scale = lossScale(name, rows, memory.columns);
  return scale * losses[name]!(memory, rows * memory.columns, scale);
}
