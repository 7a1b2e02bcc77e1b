// One device for all tests of a file, and of the files that the same worker runs, with an empty ledger at the end of each.

import { afterAll, beforeAll, expect } from "vitest";
import { acquire } from "../../src/backend/acquire.ts";
import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import { openDevice } from "./kernelRun.ts";

/** Kept from file to file where a worker keeps its modules: what one has compiled the next need not. */
let kept: GpuDevice | undefined;

/** Opens a device before the tests of a file. Afterwards no buffer may be alive and no call refused. */
export function shareDevice(): () => GpuDevice {
  beforeAll(async () => {
    kept ??= await openDevice();
  });
  afterAll(() => {
    const device = kept;
    kept = undefined; // unless it is as good as new
    expect(device?.ledger).toEqual({ buffers: 0, bytes: 0 });
    device?.throwFault("after the tests");
    kept = device;
  });
  return () => kept!;
}

/** The same WebGPU device under a smaller limit, with a ledger of its own: what was compiled need not be compiled again. */
export const narrowed = async ({ gpu }: GpuDevice, maxBufferBytes: number): Promise<GpuDevice> =>
  (await acquire({ gpuDevice: gpu, maxBufferBytes })) as GpuDevice;
