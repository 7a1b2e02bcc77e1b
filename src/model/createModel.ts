import { requireOptions } from "../errors.ts";
import type { Device } from "../backend/device.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import type { Dataset } from "../backend/executor.ts";
import type { CrossValidation, CrossValidationOptions } from "./crossValidation.ts";
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

export interface LoadOptions {
  /** From `acquire()`. */
  readonly device: Device;
}

/**
 * Restores a model from the bytes of a file that `model.save()` or `thalweg train` wrote, or of another program as `importModel` reads it.
 * @throws BadFile on a damaged file; InvalidInput, LimitExceeded, GpuOutOfMemory as `createModel`
 */
export async function loadModel(bytes: Uint8Array, options: LoadOptions): Promise<Model<AnyNetwork>> {
  requireOptions("loadModel", options, ["device"]);
  const { decode } = await import("./savedModel.ts");
  const { network, members, parameters } = await decode("loadModel", bytes);
  return createModel(network, { device: options.device, members, parameters });
}

/**
 * Trains a network on all rows but those of one fold, for every fold, setting and seed side by side, and scores each on the rows that it
 * has not seen (Stone 1974). Each training is what it would be on those rows alone.
 * @param data inputs [rows, network.inputs], targets [rows, network.outputs]
 * @throws InvalidInput, LimitExceeded, GpuOutOfMemory, GpuLost, NonFinite, or the signal's reason
 */
export async function crossValidate(
  network: AnyNetwork,
  data: Dataset,
  options: CrossValidationOptions & LoadOptions,
): Promise<CrossValidation> {
  const { startCrossValidation } = await import("./crossValidation.ts");
  const { device, ...others } = options;
  return startCrossValidation(device, network, data, others);
}
