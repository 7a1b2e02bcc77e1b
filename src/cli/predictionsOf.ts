import { type Predictions, type Preprocessing, toPredictions } from "../data.ts";
import type { AnyNetwork, FloatArray, Model } from "../node.ts";

/** What a model says about encoded rows: classes with scores, or values in the units of the table. */
export async function predictionsOf(
  model: Model<AnyNetwork>,
  preprocessing: Preprocessing,
  inputs: FloatArray,
): Promise<Predictions> {
  return toPredictions(preprocessing, await model.predict(inputs), model.replicas);
}
