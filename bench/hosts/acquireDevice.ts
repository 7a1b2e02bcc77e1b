import { acquire } from "../../src/index.ts";
import { acquireWebGpu } from "./acquireWebGpu.ts";
import type { GpuDevice } from "../../src/backend/webgpu/device.ts";

/** The entry of the host; a bundle for browsers has the constant `false` here, and nothing of Node in it. */
export const acquireOfHost = async (): Promise<typeof acquire> =>
  import.meta.env.SSR ? (await import("../../src/node.ts")).acquire : acquire;

async function open(): Promise<GpuDevice> {
  return acquireWebGpu(await acquireOfHost());
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
