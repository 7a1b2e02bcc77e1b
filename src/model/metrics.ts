import { softmax } from "../math/softmax.ts";
import { createTallies, score, scoresOf } from "../backend/score.ts";
import type { Dataset, Executor, FloatArray, Scores } from "../backend/executor.ts";
import { sigmoidOf } from "../math/specialFunctions.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";

/** How well a model fits rows of data: the mean over its members, and each one. */
export interface Evaluation extends Scores {
  /** Mean loss, as the network defines it, of all members. */
  readonly loss: number;
  /** Mean of `accuracies`. */
  readonly accuracy: number | undefined;
}

const sumOf = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, value) => sum + value, 0);

export const mean = (values: ArrayLike<number>): number => sumOf(values) / values.length;

/** Scores with their means over members. */
export const evaluationOf = ({ losses, accuracies }: Scores): Evaluation => ({
  loss: mean(losses),
  accuracy: accuracies && mean(accuracies),
  losses,
  accuracies,
});

/** Outputs of one network, in values, that are read back to be scored in float64. */
const hostOutputs = 2 ** 22;

/**
 * Scores members on rows of data. One network with at most 2²² outputs, and rows with weights, are scored in float64 from the outputs;
 * otherwise the sums are taken where the outputs are, in float32 over 128 rows and in float64 beyond, and only the scores are read back.
 * @param isAlike whether one network is scored as it would be among others, to the same bits
 */
export async function evaluate(executor: Executor, data: Dataset, isAlike = false): Promise<Evaluation> {
  const { network, members } = executor;
  const { inputs, targets, weights } = data;
  if (!weights && (isAlike || members > 1 || targets.length > hostOutputs))
    return evaluationOf(await executor.score(data));
  const rowCount = inputs.length / network.inputs;
  const chunk = Math.max(1, Math.floor(hostOutputs / (members * network.outputs)));
  const tallies = createTallies(members);
  for (let first = 0; first < rowCount; first += chunk) {
    const end = Math.min(rowCount, first + chunk);
    const all = await executor.predict(inputs.subarray(first * network.inputs, end * network.inputs));
    const own = Float64Array.from(targets.subarray(first * network.outputs, end * network.outputs));
    const rows = { targets: own, weights: weights?.subarray(first, end) };
    for (let member = 0; member < members; member++) {
      const outputs = Float64Array.from(all.subarray(member * own.length, (member + 1) * own.length));
      score(network, { ...rows, outputs }, tallies, member);
    }
  }
  return evaluationOf(scoresOf(network, weights ? sumOf(weights) : rowCount, tallies));
}

/** Probabilities from logits, for the losses that take logits; other outputs are returned as they are. */
export function probabilitiesOf({ loss, outputs: width }: AnyNetwork, outputs: FloatArray): FloatArray {
  if (loss === "binaryCrossEntropy") return outputs.map(sigmoidOf);
  if (loss !== "softmaxCrossEntropy") return outputs;
  const probabilities = outputs.slice();
  for (let at = 0; at < outputs.length; at += width) probabilities.set(softmax(outputs.subarray(at, at + width)), at);
  return probabilities;
}
