import { InvalidInput, LimitExceeded } from "../errors.ts";
import type { FloatArray } from "../backend/executor.ts";
import { readStretches, write } from "../backend/webgpu/bufferOwner.ts";
import { commandQueueOf } from "../backend/webgpu/tensor/commandQueue.ts";
import { ReferenceDevice } from "../backend/cpu/device.ts";
import type { Device } from "../backend/device.ts";
import { GpuDevice } from "../backend/webgpu/device.ts";
import { type DataType, type Shape, showShape, sizeOf } from "../backend/shape.ts";
import { fromHalfFloats, toHalfFloats } from "../halfFloats.ts";

/** Values on a device, and how many tensors hold them. */
interface Held {
  holders: number;
}
export interface GpuStorage extends Held {
  readonly device: GpuDevice;
  readonly buffer: GPUBuffer;
}
export interface CpuStorage extends Held {
  readonly device: ReferenceDevice;
  readonly values: Float64Array;
}
export type Storage = GpuStorage | CpuStorage;

/** Values that one tensor may have on the CPU: indices stay exact in 32 bits, as they must on a GPU. */
const maxCpuValues = 2 ** 30;
const bytesOf = (dtype: DataType): number => (dtype === "f16" ? 2 : 4);

/** @throws InvalidInput */
export function requireDevice(place: string, device: unknown): asserts device is ReferenceDevice | GpuDevice {
  if (device instanceof GpuDevice || device instanceof ReferenceDevice) return;
  const fix = "pass what acquire() has returned";
  throw new InvalidInput({ place: `${place}: device`, expected: "a device of thalweg", got: typeof device, fix });
}

function requireSize(place: string, device: Device, shape: Shape, dtype: DataType): void {
  const isGpu = device instanceof GpuDevice;
  const bytes = sizeOf(shape) * (isGpu ? bytesOf(dtype) : 8);
  const most = isGpu ? device.maxBufferBytes : 8 * maxCpuValues;
  if (bytes <= most) return;
  const got = `the shape ${showShape(shape)}, which takes ${bytes}`;
  throw new LimitExceeded({ place, expected: `at most ${most} bytes`, got, fix: "compute it in parts" });
}

function requireType(place: string, device: Device, dtype: DataType): void {
  if (dtype === "f32" || !(device instanceof GpuDevice) || device.gpu.features.has("shader-f16")) return;
  const got = `${device.name} without the feature shader-f16`;
  throw new InvalidInput({ place, expected: "a device that computes with f16", got, fix: "use dtype f32" });
}

export interface StorageRequest {
  /** The operation, for errors. */
  readonly place: string;
  readonly label: string;
  readonly device: Device;
  readonly shape: Shape;
  readonly dtype: DataType;
  /** Row-major, or one for all; without them the storage holds anything. */
  readonly values?: ArrayLike<number> | number;
}

function upload(
  buffer: GPUBuffer,
  { device, dtype }: { device: GpuDevice; dtype: DataType },
  values: ArrayLike<number>,
): void {
  const isF32 = dtype === "f32";
  write(
    device.gpu,
    buffer,
    isF32 ? (values instanceof Float32Array ? values : Float32Array.from(values)) : toHalfFloats(values),
  );
}

function createGpuStorage(device: GpuDevice, { label, shape, dtype, values }: StorageRequest): GpuStorage {
  const count = sizeOf(shape);
  const all = typeof values === "number" ? new Float32Array(count).fill(values) : values;
  const commands = commandQueueOf(device);
  const bytes = count * bytesOf(dtype);
  const buffer = all ? commands.takeForWrite(label, bytes) : commands.pool.take(label, bytes);
  if (all) upload(buffer, { device, dtype }, all);
  return { device, buffer, holders: 1 };
}

/** The values of a tensor on the CPU. @throws LimitExceeded where the host has no memory for them */
function hostValues({ place, shape, values }: StorageRequest): Float64Array {
  try {
    if (typeof values === "object") return Float64Array.from(values);
    return new Float64Array(sizeOf(shape)).fill(values ?? 0);
  } catch (cause) {
    const got = `the shape ${showShape(shape)}`;
    throw new LimitExceeded({ place, expected: "memory for the values", got, fix: "compute it in parts", cause });
  }
}

/**
 * Storage for a tensor, held once.
 * @throws LimitExceeded where the device has no buffer of that size, InvalidInput where it has no f16
 */
export function createStorage(request: StorageRequest): Storage {
  const { place, device, shape, dtype } = request;
  requireDevice(place, device);
  requireSize(place, device, shape, dtype);
  requireType(place, device, dtype);
  if (device instanceof GpuDevice) return createGpuStorage(device, request);
  const own = hostValues(request);
  device.ledger.buffers++;
  device.ledger.bytes += own.byteLength;
  return { device, values: own, holders: 1 };
}

/** Lets go of storage; the last holder frees it. */
export function releaseStorage(storage: Storage): void {
  storage.holders--;
  if (storage.holders > 0) return;
  if ("buffer" in storage) return commandQueueOf(storage.device).release(storage.buffer);
  storage.device.ledger.buffers--;
  storage.device.ledger.bytes -= storage.values.byteLength;
}

/** A stretch of stored values. */
export interface StoredStretch {
  readonly storage: Storage;
  readonly dtype: DataType;
  readonly offset: number;
  readonly count: number;
}

async function readGpu({ device, buffer }: GpuStorage, stretch: StoredStretch): Promise<Float32Array> {
  const { dtype, offset, count } = stretch;
  const perWord = 4 / bytesOf(dtype);
  const first = Math.floor(offset / perWord);
  const length = Math.ceil((offset + count) / perWord) - first;
  commandQueueOf(device).submit();
  const words = await readStretches(device, `tensor ${buffer.label}`, [{ buffer, first, length }]);
  if (dtype === "f32") return new Float32Array(words);
  return fromHalfFloats(new Uint16Array(words, 2 * (offset - perWord * first), count));
}

/** Values of a stretch: f32 from a GPU, float64 from the CPU. */
export async function readStorage(stretch: StoredStretch): Promise<FloatArray> {
  const { storage, offset, count } = stretch;
  if ("buffer" in storage) return readGpu(storage, stretch);
  return storage.values.slice(offset, offset + count);
}
