// Random networks with data that suits their loss.

import type { Dataset } from "../../src/backend/executor.ts";
import {
  type ActivationName,
  type BuiltInNetwork,
  dense,
  type LossName,
  type Network,
  network,
  takesLogits,
} from "../../src/graph/network.ts";
import { createUniform } from "./random.ts";

export interface NetCase {
  readonly inputs: number;
  readonly layers: readonly { readonly width: number; readonly activation: ActivationName }[];
  readonly loss: LossName;
  readonly rows: number;
  readonly seed: number;
}

/** The network of a case; the last layer is `identity` where the loss takes logits. */
export function networkOf({ inputs, layers, loss }: NetCase): BuiltInNetwork {
  const last = layers.length - 1;
  const named = layers.map(({ width, activation }, index) =>
    dense(width, index === last && takesLogits(loss) ? "identity" : activation),
  );
  return network({ inputs, layers: named, loss });
}

/** Parameters [members, parameterCount]: weights of variance 1 / fanIn, and biases. All are f32. */
export function parametersOf(net: Network, seed: number, members = 1): Float32Array {
  const uniform = createUniform(seed);
  const all = new Float32Array(members * net.parameterCount);
  for (let member = 0; member < members; member++) {
    for (const { weightsOffset, biasOffset, fanIn, fanOut } of net.layers) {
      const scale = Math.sqrt(3 / fanIn);
      for (let at = weightsOffset; at < biasOffset + fanOut; at++) {
        const width = at < biasOffset ? scale : 0.3;
        all[member * net.parameterCount + at] = width * (2 * uniform() - 1);
      }
    }
  }
  return all;
}

/** Rows of f32 data: one-hot targets for softmax, probabilities for binary cross entropy. */
export function dataOf(net: Network, rows: number, seed: number): Dataset {
  const uniform = createUniform(seed + 1000);
  const inputs = Float32Array.from({ length: rows * net.inputs }, () => 2 * uniform() - 1);
  const targets = Float32Array.from({ length: rows * net.outputs }, () =>
    takesLogits(net.loss) ? Math.round(uniform()) : 2 * uniform() - 1,
  );
  if (net.loss !== "softmaxCrossEntropy") return { inputs, targets };
  targets.fill(0);
  for (let row = 0; row < rows; row++) targets[row * net.outputs + Math.floor(uniform() * net.outputs)] = 1;
  return { inputs, targets };
}

export const describeNet = (net: Network): string =>
  `${net.inputs} ${net.layers.map(({ fanOut, activation }) => `${fanOut} ${activation}`).join(" ")}, ${net.loss}`;
