import { sigmoid } from "../cpu/activation.ts";
import { lossScale, sampleLoss, softmax } from "../cpu/loss.ts";
import type { FloatArray } from "../executor.ts";
import type { LossName, Network } from "../network.ts";

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

/** Place of the largest value; the first of several. */
const largestAt = (values: Float64Array): number =>
  values.reduce((best, value, at) => (value > values[best]! ? at : best), 0);

/** Right answers among the outputs of one row. */
function hits(loss: LossName, outputs: Float64Array, targets: Float64Array): number {
  if (loss === "softmaxCrossEntropy") return largestAt(outputs) === largestAt(targets) ? 1 : 0;
  return outputs.reduce((count, logit, column) => count + (logit > 0 === targets[column]! > 0.5 ? 1 : 0), 0);
}

/** Score of one replica's outputs [rows, outputs], in float64. */
function scoreOf({ loss, outputs: width }: Network, outputs: Float64Array, targets: Float64Array): Score {
  const rows = outputs.length / width;
  const unused = new Float64Array(width);
  let total = 0;
  let right = 0;
  for (let row = 0; row < rows; row++) {
    const own = outputs.subarray(row * width, (row + 1) * width);
    const target = targets.subarray(row * width, (row + 1) * width);
    total += sampleLoss(loss, own, target, unused);
    right += hits(loss, own, target);
  }
  const perRow = loss === "softmaxCrossEntropy" ? 1 : width;
  const hasClasses = loss === "softmaxCrossEntropy" || loss === "binaryCrossEntropy";
  return { loss: total * lossScale(loss, rows, width), accuracy: hasClasses ? right / (rows * perRow) : undefined };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Scores outputs against targets.
 * @param outputs [replicas, rows, network.outputs], logits where the loss takes logits
 * @param targets [rows, network.outputs]
 */
export function evaluateOutputs(network: Network, outputs: FloatArray, targets: FloatArray): Evaluation {
  const wanted = Float64Array.from(targets);
  const replicas = Array.from({ length: outputs.length / targets.length }, (_, replica) => {
    const own = outputs.subarray(replica * targets.length, (replica + 1) * targets.length);
    return scoreOf(network, Float64Array.from(own), wanted);
  });
  const accuracies = replicas.map(({ accuracy }) => accuracy ?? 0);
  return {
    loss: mean(replicas.map(({ loss }) => loss)),
    accuracy: replicas[0]!.accuracy === undefined ? undefined : mean(accuracies),
    replicas,
  };
}

/** Probabilities from logits, for the losses that take logits; other outputs are returned as they are. */
export function probabilitiesOf({ loss, outputs: width }: Network, outputs: FloatArray): FloatArray {
  if (loss === "binaryCrossEntropy") return outputs.map(sigmoid);
  if (loss !== "softmaxCrossEntropy") return outputs;
  const probabilities = outputs.slice();
  for (let at = 0; at < outputs.length; at += width) probabilities.set(softmax(outputs.subarray(at, at + width)), at);
  return probabilities;
}
