import type { AnyNetwork } from "../graph/graphNetwork.ts";
import type { Device } from "./device.ts";
import type { Executor } from "./executor.ts";
import type { GpuDevice } from "./webgpu/device.ts";

// A page downloads only the code of the machine that it computes on.

async function openReference(network: AnyNetwork, members: number): Promise<Executor> {
  const { createReference } = await import("./createReference.ts");
  return createReference(network, members);
}

/**
 * Picks what computes: WebGPU, WebAssembly or the float64 reference, by the device.
 * @param plannedMembers number of members at the start of a training, where fewer continue: they are computed as before, to the same bits
 */
export async function createExecutor(
  device: Device,
  network: AnyNetwork,
  members: number,
  plannedMembers?: number,
): Promise<Executor> {
  if (device?.kind === "reference") return openReference(network, members);
  if (device?.kind === "wasm") {
    const { openWasmExecutor } = await import("./wasm/executor.ts");
    return openWasmExecutor(device, network, members, { plannedMembers });
  }
  const { openExecutor } = await import("./webgpu/strategies/executor.ts");
  const executor = await openExecutor(device, network, members, plannedMembers);
  const gpu = device as GpuDevice; // anything else was refused
  if ((plannedMembers ?? members) > 1 || gpu.kind !== "gpu" || gpu.isRequired) return executor;
  const { withOffload } = await import("./offload.ts");
  return withOffload(gpu, executor);
}
