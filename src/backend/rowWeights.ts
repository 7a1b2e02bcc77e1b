import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { isRowWise } from "../graph/network.ts";
import type { FloatArray, TrainingRows } from "./executor.ts";

// Weights of rows in training. Softmax cross entropy is linear in its targets, so that they are multiplied by the weights and nothing
// else changes. Other losses are not: the targets carry the weight as one more column, and the code of such a network multiplies by it.

const weighted = new WeakMap<AnyNetwork, AnyNetwork>();

/** The network as a run of these rows trains it: with `isWeighted` where they carry weights. */
export function trainedNetwork<N extends AnyNetwork>(network: N, { isWeighted }: TrainingRows): N {
  if (!isWeighted) return network;
  const own = weighted.get(network) ?? { ...network, isWeighted: true };
  weighted.set(network, own);
  return own as N;
}

/** Rows that count so much each. @param weights [rows] */
export function withWeights(network: AnyNetwork, data: TrainingRows, weights: ArrayLike<number>): TrainingRows {
  const { outputs } = network;
  const { targets } = data;
  const isFolded = isRowWise(network.loss);
  const width = isFolded ? outputs : outputs + 1;
  const joined: FloatArray = new (targets instanceof Float64Array ? Float64Array : Float32Array)(
    weights.length * width,
  );
  for (let row = 0; row < weights.length; row++) {
    const weight = weights[row]!;
    for (let column = 0; column < outputs; column++) {
      const target = targets[row * outputs + column]!;
      joined[row * width + column] = isFolded ? weight * target : target;
    }
    if (!isFolded) joined[row * width + outputs] = weight;
  }
  return { ...data, targets: joined, isWeighted: !isFolded };
}
