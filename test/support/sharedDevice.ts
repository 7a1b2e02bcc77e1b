// One device for all tests of a file, and of the files that the same worker runs, with an empty ledger at the end of each.

import { afterAll, beforeAll, expect } from "vitest";
import { acquire } from "../../src/backend/acquire.ts";
import type { Device } from "../../src/backend/device.ts";
import type { WasmDevice } from "../../src/backend/wasm/device.ts";
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

/** The WebAssembly device of a worker, opened when it is first asked for. */
let wasm: Promise<WasmDevice> | undefined;

/** A WebAssembly device for the tests of a file. Afterwards nothing may be left in its memory. */
export function shareWasm(): () => Promise<WasmDevice> {
  let startBytes: number | undefined;
  afterAll(async () => {
    const device = await wasm;
    wasm = undefined; // unless it is as good as new
    expect(device?.ledger ?? { buffers: 0, bytes: 0 }).toEqual({ buffers: 0, bytes: 0 });
    expect(device?.heap.usedBytes).toBe(startBytes);
    wasm = device && Promise.resolve(device);
  });
  return async () => {
    wasm ??= acquire({ device: "wasm" }) as Promise<WasmDevice>;
    const device = await wasm;
    startBytes ??= device.heap.usedBytes;
    return device;
  };
}

/** A device of each machine for the tests of a file. */
export function shareDevices() {
  const gpu = shareDevice();
  return {
    reference: (): Promise<Device> => acquire({ device: "reference" }),
    wasm: shareWasm(),
    webgpu: async (): Promise<Device> => gpu(),
  };
}

/** The same WebGPU device under a smaller limit, with a ledger of its own: what was compiled need not be compiled again. */
export const narrowed = async ({ gpu }: GpuDevice, maxBufferBytes: number): Promise<GpuDevice> =>
  (await acquire({ gpuDevice: gpu, maxBufferBytes })) as GpuDevice;
