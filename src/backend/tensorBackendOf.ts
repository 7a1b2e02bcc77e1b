import type { Device } from "./device.ts";
import type { TensorBackend } from "./tensorBackend.ts";
import { wantTensors } from "./tensorCode.ts";
import { GpuDevice } from "./webgpu/device.ts";
import { GpuTensorBackend } from "./webgpu/tensor/tensorBackend.ts";

wantTensors();

/**
 * Returns the tensor backend of a device; undefined for anything else. A WebGPU device gets its kernels here and not from `acquire`, so that
 * whoever only trains models does not load them.
 */
export function tensorBackendOf(device: Device | undefined): TensorBackend | undefined {
  if (device instanceof GpuDevice) device.tensorBackend ??= new GpuTensorBackend(device);
  return device?.tensorBackend;
}
