import type { AnyNetwork } from "../graph/graphNetwork.ts";
import type { Device } from "./device.ts";
import type { Executor } from "./executor.ts";

// A page downloads only the code of the machine that it computes on.

/** Picks what computes: WebGPU on a device of it, the float64 reference on the CPU. */
export async function createExecutor(device: Device, network: AnyNetwork, members: number): Promise<Executor> {
  if (device?.kind === "reference") return createReference(network, members);
  const { openExecutor } = await import("./webgpu/strategies/executor.ts");
  const executor = await openExecutor(device, network, members);
  return executor ?? createReference(network, members);
}

/** The float64 reference of a network, whatever device there is. */
export async function createReference(network: AnyNetwork, members: number): Promise<Executor> {
  const { ReferenceExecutor } = await import("./cpu/executor.ts");
  return new ReferenceExecutor(network, members);
}
