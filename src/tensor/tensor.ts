import { Disposed, InvalidInput, requireOptions } from "../errors.ts";
import type { FloatArray } from "../backend/executor.ts";
import type { Device } from "../backend/device.ts";
import { requireName } from "../graph/network.ts";
import { type DataType, dataTypes, requireShape, type Shape, showShape, sizeOf } from "../backend/shape.ts";
import { enter } from "./scope.ts";
import {
  backendOf,
  createStorage,
  readStorage,
  releaseStorage,
  type Storage,
  type StorageRequest,
  type StoredStretch,
} from "./storage.ts";

/** Constructor arguments of a tensor. */
interface Parts extends StoredStretch {
  readonly shape: Shape;
  readonly label: string;
}

/** Storage and place of a tensor's values. @throws Disposed */
export let partsOf: (tensor: Tensor, place: string) => Parts;
/** A tensor over storage that it holds from now on. */
let holding: (parts: Parts) => Tensor;

/**
 * An array of numbers on a device, row-major: [2, 3] has two rows of three. It never changes: operations make new tensors.
 * Values are f32 (or f16 on a GPU, computed in f32), and float64 on the reference. Each tensor is freed by `dispose`, by `using`, or by
 * the `tidy` or `grad` it was made in; views such as `reshape` keep the values that they show.
 */
export class Tensor {
  readonly #parts: Parts;
  #isDisposed = false;

  private constructor(parts: Parts) {
    this.#parts = parts;
    enter(this);
  }

  static {
    partsOf = (tensor, place) => tensor.#require(place);
    holding = (parts) => new Tensor(parts);
  }

  /** Sizes of the dimensions, outermost first; [] is a scalar. */
  get shape(): Shape {
    return this.#parts.shape;
  }

  /** Data type in GPU memory; the reference always uses float64. */
  get dtype(): DataType {
    return this.#parts.dtype;
  }

  /** Its name: given, or the operation that made it. */
  get label(): string {
    return this.#parts.label;
  }

  get device(): Device {
    return this.#parts.storage.device;
  }

  /** Number of values. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** The values, row-major, when all work before is done: Float32Array, or Float64Array from the reference. @throws Disposed, GpuLost, GpuOutOfMemory, ShaderFailed, ThreadFailed */
  async read(): Promise<FloatArray> {
    return readStorage(this.#require("read"), this.size);
  }

  /** The value of a tensor that has but one. @throws InvalidInput where it has others */
  async item(): Promise<number> {
    if (this.size === 1) return (await this.read())[0]!;
    const fix = "use read() for all values";
    throw new InvalidInput({ place: "item", expected: "one value", got: `the shape ${showShape(this.shape)}`, fix });
  }

  /** Frees it; may be called again. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    releaseStorage(this.#parts.storage);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #require(place: string): Parts {
    if (!this.#isDisposed) return this.#parts;
    const got = `${this.label} ${showShape(this.shape)}, which was disposed`;
    const fix = "dispose it later; tensors made inside tidy or grad survive only if returned";
    throw new Disposed({ place, expected: "a live tensor", got, fix });
  }
}

/** Another tensor over the same values, from `offset` values behind the first. */
export function viewOf(place: string, tensor: Tensor, shape: Shape, offset = 0): Tensor {
  const parts = partsOf(tensor, place);
  parts.storage.holders++;
  return holding({ ...parts, shape, offset: parts.offset + offset, label: place });
}

/** The same tensor, held once more. */
export function aliasOf(tensor: Tensor): Tensor {
  const parts = partsOf(tensor, tensor.label);
  parts.storage.holders++;
  return holding(parts);
}

/** Whether nobody else can see its values, so that they may be written. */
export const isAlone = (tensor: Tensor): boolean => partsOf(tensor, tensor.label).storage.holders === 1;

/** A tensor over a storage that exists; it is one of its holders. */
export const tensorOver = (
  storage: Storage,
  shape: Shape,
  options: { dtype: DataType; label: string; offset?: number },
): Tensor => holding({ storage, shape, offset: 0, ...options });

/** A tensor for a result; what it holds before it is written is anything. */
export function allocate(request: StorageRequest): Tensor {
  const { shape, dtype, label } = request;
  return holding({ storage: createStorage(request), shape: [...shape], dtype, label, offset: 0 });
}

export interface TensorOptions {
  /** Default f32. f16 needs a GPU with the feature shader-f16; arithmetic is f32 all the same. */
  readonly dtype?: DataType;
  /** A name for errors and for GPU tools. */
  readonly label?: string;
}

/** @throws InvalidInput unless values are a flat list of numbers: anything else would become NaN */
function requireNumbers(values: ArrayLike<number>): void {
  if (ArrayBuffer.isView(values) && !(values instanceof BigInt64Array || values instanceof BigUint64Array)) return;
  const at = Array.isArray(values) ? values.findIndex((value) => typeof value !== "number") : 0;
  if (at < 0) return;
  const isNested = Array.isArray(values) && Array.isArray(values[at]);
  const got = isNested ? "nested arrays" : Array.isArray(values) ? `${typeof values[at]} at ${at}` : typeof values;
  const fix = isNested ? "pass values.flat() and the shape" : "pass an array or typed array of numbers";
  throw new InvalidInput({ place: "tensor", expected: "numbers row by row", got, fix });
}

function create(
  place: string,
  device: Device,
  values: ArrayLike<number> | number,
  options: TensorOptions & { shape: Shape },
): Tensor {
  const { shape, dtype = "f32", label = place } = options;
  backendOf(place, device);
  requireOptions(place, options, ["shape", "dtype", "label"]);
  requireShape(place, shape);
  requireName(`${place}: dtype`, dtype, dataTypes);
  return allocate({ place, label, device, shape, dtype, values });
}

/**
 * A tensor of given values.
 * @param values row-major; a number makes a scalar
 * @param shape sizes of dimensions, outermost first; default: one dimension, or a scalar
 * @throws InvalidInput where values and shape do not fit, LimitExceeded where the device cannot hold it
 */
export function tensor(
  device: Device,
  values: ArrayLike<number> | number,
  shape: Shape = typeof values === "number" ? [] : [values?.length],
  options: TensorOptions = {},
): Tensor {
  backendOf("tensor", device);
  const all = typeof values === "number" ? [values] : values;
  requireNumbers(all);
  requireShape("tensor", shape);
  if (all.length === sizeOf(shape)) return create("tensor", device, all, { ...options, shape });
  const expected = `${sizeOf(shape)} values for the shape ${showShape(shape)}`;
  throw new InvalidInput({ place: "tensor", expected, got: `${all.length} values`, fix: "correct the shape" });
}

/** A tensor of zeros. */
export const zeros = (device: Device, shape: Shape, options: TensorOptions = {}): Tensor =>
  create("zeros", device, 0, { ...options, shape });

/** A tensor of ones. */
export const ones = (device: Device, shape: Shape, options: TensorOptions = {}): Tensor =>
  create("ones", device, 1, { ...options, shape });
