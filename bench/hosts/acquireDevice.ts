import { acquire } from "../../src/index.ts";
import { GpuDevice } from "../../src/backend/webgpu/device.ts";

/** The entry of the host; a bundle for browsers has the constant `false` here, and nothing of Node in it. */
const acquireOfHost = async (): Promise<typeof acquire> =>
  import.meta.env.SSR ? (await import("../../src/node.ts")).acquire : acquire;

async function open(): Promise<GpuDevice> {
  const acquireHere = await acquireOfHost();
  const device = await acquireHere();
  if (device instanceof GpuDevice) return device;
  throw new Error(`no WebGPU device, and the CPU is no stand-in for one: ${device.fallbackReason}`);
}

let opened: Promise<GpuDevice> | undefined;

/**
 * The library's device of this worker or process, hardware before software, opened once.
 * @throws Error where there is no WebGPU adapter
 */
export function acquireDevice(): Promise<GpuDevice> {
  opened ??= open().catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return opened;
}
