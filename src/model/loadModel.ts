import { requireOptions } from "../errors.ts";
import type { Device } from "../backend/device.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { createModel, type Model } from "./model.ts";
import { decode } from "./savedModel.ts";

export interface LoadOptions {
  /** From `acquire()`. */
  readonly device: Device;
}

/**
 * Restores a model from the bytes of a file that `model.save()` or `thalweg train` wrote.
 * @throws BadFile on a damaged file; InvalidInput, LimitExceeded, GpuOutOfMemory as `createModel`
 */
export async function loadModel(bytes: Uint8Array, options: LoadOptions): Promise<Model<AnyNetwork>> {
  requireOptions("loadModel", options, ["device"]);
  const { network, members, parameters } = await decode("loadModel", bytes);
  return createModel(network, { device: options.device, members, parameters });
}
