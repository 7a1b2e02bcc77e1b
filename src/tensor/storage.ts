import { InvalidInput, LimitExceeded } from "../errors.ts";
import type { FloatArray } from "../backend/executor.ts";
import type { Device } from "../backend/device.ts";
import { type DataType, type Shape, showShape, sizeOf } from "../backend/shape.ts";
import type { AllocationRequest, StoredValues, TensorBackend } from "../backend/tensorBackend.ts";
import { tensorBackendOf } from "../backend/tensorBackendOf.ts";

/** Values in a buffer of a device, and how many tensors hold them. */
export interface Storage {
  readonly device: Device;
  readonly backend: TensorBackend;
  buffer: unknown;
  /** Place of its first value in the buffer; default 0. */
  first?: number;
  holders: number;
  /** Called when the last reference is released; default: frees the buffer. */
  free?: (() => void) | undefined;
}

/** Records operations while a function is traced; see compiled.ts. */
export interface Tracer extends TensorBackend {
  /** Called for every operand. */
  meet(storage: Storage, offset: number, shape: Shape): void;
}

/** What records operations now, instead of backends that compute. */
export const tracing: { tracer: Tracer | undefined } = { tracer: undefined };

/** Returns the tensor backend of a device. @throws InvalidInput where it is not a device, or was acquired before tensors were imported */
export function backendOf(place: string, device: Device): TensorBackend {
  const backend = tensorBackendOf(device);
  if (backend) return backend;
  if (device?.kind === "wasm") {
    const expected = "a device that was acquired after thalweg/tensor was imported";
    const fix = "import thalweg/tensor first, or acquire a second device for tensors";
    throw new InvalidInput({
      place: `${place}: device`,
      expected,
      got: "a device without tensor support",
      fix,
    });
  }
  const fix = "pass the device that acquire() returned";
  throw new InvalidInput({ place: `${place}: device`, expected: "a thalweg device", got: typeof device, fix });
}

function requireSize(place: string, backend: TensorBackend, shape: Shape, dtype: DataType): void {
  const bytes = sizeOf(shape) * backend.bytesPerValue(dtype);
  const { maxBytes } = backend;
  if (bytes <= maxBytes) return;
  const got = `the shape ${showShape(shape)}, which takes ${bytes}`;
  throw new LimitExceeded({ place, expected: `at most ${maxBytes} bytes`, got, fix: "compute it in parts" });
}

function requireType(place: string, device: Device, backend: TensorBackend, dtype: DataType): void {
  const lacking = backend.lacks(dtype);
  if (lacking === undefined) return;
  const got = `${device.name} without ${lacking}`;
  throw new InvalidInput({ place, expected: `a device that computes with ${dtype}`, got, fix: "use dtype f32" });
}

export interface StorageRequest extends AllocationRequest {
  readonly device: Device;
}

/**
 * Storage for a tensor, held once.
 * @throws LimitExceeded where the device has no buffer of that size, InvalidInput where it has no f16
 */
export function createStorage(request: StorageRequest): Storage {
  const { place, device, shape, dtype } = request;
  const backend = tracing.tracer ?? backendOf(place, device);
  requireSize(place, backend, shape, dtype);
  requireType(place, device, backend, dtype);
  return { device, backend, buffer: backend.allocate(request), holders: 1 };
}

/** Lets go of storage; the last holder frees it. */
export function releaseStorage(storage: Storage): void {
  storage.holders--;
  if (storage.holders > 0) return;
  if (storage.free) storage.free();
  else storage.backend.release(storage.buffer);
}

/** The values of a tensor: a range of a storage. */
export interface StoredStretch {
  readonly storage: Storage;
  readonly dtype: DataType;
  readonly offset: number;
}

/** A stretch as backends take it. */
export const storedValues = ({ storage, dtype, offset }: StoredStretch): StoredValues => ({
  buffer: storage.buffer,
  dtype,
  offset: (storage.first ?? 0) + offset,
});

/** The first `count` values of a stretch: f32, or float64 from the reference. */
export const readStorage = (stretch: StoredStretch, count: number): Promise<FloatArray> =>
  stretch.storage.backend.read(storedValues(stretch), count);
