// The entry for Node: as index.ts, with adapters from Dawn.

import { acquire as acquireFrom } from "./backend/acquire.ts";
import type { AcquireOptions, Device } from "./backend/device.ts";
import { defineGlobals, openGpu } from "./node/openGpu.ts";

export * from "./index.ts";
export type { TuningCache } from "./backend/tuning.ts";
export { tuningFile } from "./node/tuningFile.ts";

/** Whether the adapter of SwiftShader may be taken, for the choices that need an adapter. */
const software = { auto: "never", gpu: "never", software: "only" } as const;

/**
 * Opens a device in Node: hardware adapter, else WebAssembly, else the float64 reference; or exactly the requested kind, `software` being
 * the SwiftShader adapter of an installed Chrome. Needs the package `webgpu` for any adapter.
 * @throws NoDevice when the requested kind does not exist here
 */
export async function acquire(options: AcquireOptions = {}): Promise<Device> {
  const { device = "auto", gpu, gpuDevice } = options;
  if (gpu || gpuDevice) await defineGlobals();
  if (gpu || gpuDevice || !Object.hasOwn(software, device)) return acquireFrom(options);
  const opened = await openGpu({ software: software[device as keyof typeof software] });
  if (opened.gpu) return acquireFrom({ ...options, gpu: opened.gpu });
  return acquireFrom({ ...options, reason: opened.reason });
}
