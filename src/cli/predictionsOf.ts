import { type Predictions, type Preprocessing, toPredictions } from "../data.ts";
import { type AnyNetwork, type FloatArray, type Model, takesLogits } from "../node.ts";

/** What a model says about encoded rows: classes with scores, or values in the units of the table. */
export async function predictionsOf(
  model: Model<AnyNetwork>,
  preprocessing: Preprocessing,
  inputs: FloatArray,
): Promise<Predictions> {
  const logits = takesLogits(model.network.loss);
  const values = await (logits ? model.predictProbabilities(inputs) : model.predict(inputs));
  return toPredictions(preprocessing, values, model.replicas);
}
