import { ReferenceExecutor } from "./cpu/executor.ts";
import { InvalidInput } from "../errors.ts";
import type { Executor } from "./executor.ts";
import { type Device, GpuDevice } from "./webgpu/device.ts";
import { type AnyNetwork, isGraph } from "../graph/graphNetwork.ts";
import { GpuExecutor } from "./webgpu/strategies/executor.ts";
import { openGraph } from "./webgpu/strategies/graphPart.ts";

/** Picks what computes: the layered path on a WebGPU device, the float64 reference on the CPU. */
export async function createExecutor(device: Device, network: AnyNetwork, replicas: number): Promise<Executor> {
  if (device instanceof GpuDevice) {
    if (!isGraph(network)) return GpuExecutor.create(device, network, replicas);
    const graph = await openGraph(network);
    if (graph.whyNot === undefined) return GpuExecutor.create(device, graph.layers, replicas, graph);
    if (!device.isRequired) return new ReferenceExecutor(network, replicas);
    throw new InvalidInput({
      place: "createModel: network",
      expected: "one that a GPU computes layer by layer",
      got: graph.whyNot,
      fix: 'create the model on `await acquire({ device: "cpu" })`, or on "auto", which then takes the CPU',
    });
  }
  if (device?.kind === "cpu") return new ReferenceExecutor(network, replicas);
  const fix = "pass `device: await acquire()`";
  throw new InvalidInput({
    place: "createModel: device",
    expected: "a device from acquire()",
    got: typeof device,
    fix,
  });
}

/** The float64 reference of a network, whatever device there is. */
export const createReference = (network: AnyNetwork, replicas: number): Executor =>
  new ReferenceExecutor(network, replicas);
