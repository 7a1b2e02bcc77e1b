// How far a loss computed in float32 may be from float64.

import type { LossName } from "../../src/network.ts";
import { roundoff } from "./compare.ts";

const isSquare = (name: LossName): boolean => name === "squaredError" || name === "meanSquaredError";

/** Error of log(1 + e^−|x|) and of the other functions of one value: test/activation.test.ts. */
export const functionError = 5e-7;

/** Outputs and targets of one row. */
export interface Sample {
  readonly outputs: Float64Array;
  readonly targets: Float64Array;
}

/**
 * Bound of one sample's loss: n terms, each of a few roundings of values no larger than its parts
 * (|y| + |t|, or their square), and the error of the functions; the sum of n terms rounds at most n times.
 */
export function lossBound(name: LossName, { outputs, targets }: Sample): number {
  let terms = 0;
  const spread = name === "softmaxCrossEntropy" ? Math.max(...outputs.map(Math.abs)) : 0;
  for (const [column, output] of outputs.entries()) {
    const t = Math.abs(targets[column]!);
    if (name === "softmaxCrossEntropy") terms += t * (2 * spread + Math.log(outputs.length) + 1);
    else if (name === "binaryCrossEntropy") terms += Math.abs(output) * (1 + t) + 1;
    else terms += (Math.abs(output) + t) ** (isSquare(name) ? 2 : 1);
  }
  const largest = name === "huber" ? 2 * terms : terms;
  return (8 + outputs.length) * roundoff * largest + functionError * targets.reduce((sum, t) => sum + Math.abs(t), 1);
}
