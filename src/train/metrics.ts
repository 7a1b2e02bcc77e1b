import { softmax } from "../cpu/softmax.ts";
import { createTallies, score, scoresOf } from "../cpu/score.ts";
import type { Dataset, Executor, FloatArray, Scores } from "../executor.ts";
import { sigmoidOf } from "../math/specialFunctions.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";

/** How well outputs meet targets. */
export interface Score {
  /** Mean loss, as the network defines it. */
  readonly loss: number;
  /** Share of rows whose largest output is the largest target (softmax), or of values on the right side of ½ (binary). */
  readonly accuracy: number | undefined;
}

/** Scores of a model: the mean over its replicas, and each one. */
export interface Evaluation extends Score {
  readonly replicas: readonly Score[];
}

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

const evaluationOf = ({ losses, accuracies }: Scores): Evaluation => ({
  loss: mean(losses),
  accuracy: accuracies && mean(accuracies),
  replicas: Array.from(losses, (loss, replica) => ({ loss, accuracy: accuracies?.[replica] })),
});

/** Outputs of a population, in values, that are brought to the host to be scored in float64. */
const hostOutputs = 2 ** 22;

/**
 * Scores replicas on rows of data: in float64 from their outputs, and populations with more than 2²² outputs where these are
 * computed.
 */
export async function evaluateReplicas(executor: Executor, data: Dataset): Promise<Evaluation> {
  const { network, replicas } = executor;
  const { length } = data.targets;
  if (replicas > 1 && replicas * length > hostOutputs) return evaluationOf(await executor.score(data));
  const outputs = await executor.predict(data.inputs);
  const targets = Float64Array.from(data.targets);
  const tallies = createTallies(replicas);
  for (let replica = 0; replica < replicas; replica++) {
    const own = Float64Array.from(outputs.subarray(replica * length, (replica + 1) * length));
    score(network, { outputs: own, targets }, tallies, replica);
  }
  return evaluationOf(scoresOf(network, length / network.outputs, tallies));
}

/** Probabilities from logits, for the losses that take logits; other outputs are returned as they are. */
export function probabilitiesOf({ loss, outputs: width }: AnyNetwork, outputs: FloatArray): FloatArray {
  if (loss === "binaryCrossEntropy") return outputs.map(sigmoidOf);
  if (loss !== "softmaxCrossEntropy") return outputs;
  const probabilities = outputs.slice();
  for (let at = 0; at < outputs.length; at += width) probabilities.set(softmax(outputs.subarray(at, at + width)), at);
  return probabilities;
}
