import { ReferenceExecutor } from "./cpu/executor.ts";
import { InvalidInput } from "../errors.ts";
import type { Executor } from "./executor.ts";
import type { Device } from "./device.ts";
import { GpuDevice } from "./webgpu/device.ts";
import { type AnyNetwork, isGraph } from "../graph/graphNetwork.ts";
import { GpuExecutor } from "./webgpu/strategies/executor.ts";
import { openGraph } from "./webgpu/strategies/graphPart.ts";

/** Picks what computes: the layered strategy on a WebGPU device, the float64 reference on the CPU. */
export async function createExecutor(device: Device, network: AnyNetwork, members: number): Promise<Executor> {
  if (device instanceof GpuDevice) {
    if (!isGraph(network)) return GpuExecutor.create(device, network, members);
    const graph = await openGraph(network);
    if (graph.whyNot === undefined) return GpuExecutor.create(device, graph.layers, members, graph);
    if (!device.isRequired) return new ReferenceExecutor(network, members);
    throw new InvalidInput({
      place: "createModel: network",
      expected: "one that a GPU computes layer by layer",
      got: graph.whyNot,
      fix: 'create the model on `await acquire({ device: "reference" })`, or on "auto", which then takes the CPU',
    });
  }
  if (device?.kind === "reference") return new ReferenceExecutor(network, members);
  const fix = "pass `device: await acquire()`";
  throw new InvalidInput({
    place: "createModel: device",
    expected: "a device from acquire()",
    got: typeof device,
    fix,
  });
}
