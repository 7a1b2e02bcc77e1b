// One device for all tests of a file, with an empty ledger at the end.

import { afterAll, beforeAll, expect } from "vitest";
import type { GpuDevice } from "../../src/gpu/device.ts";
import { openDevice } from "./kernelRun.ts";

/** Opens a device before the tests of a file. Afterwards no buffer may be alive and no call refused. */
export function shareDevice(): () => GpuDevice {
  let device: GpuDevice | undefined;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => {
    expect(device?.ledger).toEqual({ buffers: 0, bytes: 0 });
    device?.throwFault("after the tests");
    device?.dispose();
  });
  return () => device!;
}
