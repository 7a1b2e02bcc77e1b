import type { AnyNetwork } from "../graph/graphNetwork.ts";
import type { Model, ModelOptions } from "./model.ts";

/**
 * Creates members of a network on a device, with initial parameters. Loads the code of models: a page that has not come to this yet
 * has not downloaded it.
 * @throws InvalidInput, LimitExceeded, GpuOutOfMemory
 */
export async function createModel<Architecture extends AnyNetwork>(
  network: Architecture,
  options: ModelOptions,
): Promise<Model<Architecture>> {
  const { startModel } = await import("./model.ts");
  return startModel(network, options);
}
