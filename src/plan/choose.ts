import { ReferenceExecutor } from "../cpu/executor.ts";
import { InvalidInput } from "../errors.ts";
import type { Executor } from "../executor.ts";
import { type Device, GpuDevice } from "../gpu/device.ts";
import type { Network } from "../network.ts";
import { GpuExecutor } from "./gpuExecutor.ts";

/** Picks what computes: the layered path on a WebGPU device, the float64 reference on the CPU. */
export function createExecutor(device: Device, network: Network, replicas: number): Promise<Executor> {
  if (device instanceof GpuDevice) return GpuExecutor.create(device, network, replicas);
  if (device?.kind === "cpu") return Promise.resolve(new ReferenceExecutor(network, replicas));
  const fix = "pass `device: await acquire()`";
  throw new InvalidInput({
    place: "createModel: device",
    expected: "a device from acquire()",
    got: typeof device,
    fix,
  });
}

/** The float64 reference of a network, whatever device there is. */
export const createReference = (network: Network, replicas: number): Executor =>
  new ReferenceExecutor(network, replicas);
