import type { FloatArray } from "../backend/executor.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { softmax } from "../math/softmax.ts";
import { sigmoidOf } from "../math/specialFunctions.ts";

/** Probabilities from logits, for the losses that take logits; other outputs are returned as they are. */
export function probabilitiesOf({ loss, outputs: width }: AnyNetwork, outputs: FloatArray): FloatArray {
  if (loss === "binaryCrossEntropy") return outputs.map(sigmoidOf);
  if (loss !== "softmaxCrossEntropy") return outputs;
  const probabilities = outputs.slice();
  for (let at = 0; at < outputs.length; at += width) probabilities.set(softmax(outputs.subarray(at, at + width)), at);
  return probabilities;
}
