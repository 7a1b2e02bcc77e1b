import type { acquire } from "../../src/index.ts";
import type { DeviceChoice } from "../../src/backend/device.ts";
import type { GpuDevice } from "../../src/backend/webgpu/device.ts";

/**
 * A WebGPU device: of hardware before software where the choice is `auto`.
 * @throws NoDevice where there is no adapter of the kind
 */
export async function acquireWebGpu(open: typeof acquire, choice: DeviceChoice = "auto"): Promise<GpuDevice> {
  if (choice !== "auto") return (await open({ device: choice })) as GpuDevice;
  return (await open({ device: "gpu" }).catch(() => open({ device: "software" }))) as GpuDevice;
}
