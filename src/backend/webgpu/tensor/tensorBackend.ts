import { fromHalfFloats, toHalfFloats } from "../../../halfFloats.ts";
import { type DataType, sizeOf } from "../../shape.ts";
import type {
  AllocationRequest,
  BinaryOperation,
  CopyOperation,
  MatmulOperation,
  ReduceOperation,
  SoftmaxOperation,
  StoredValues,
  TensorBackend,
  UnaryOperation,
} from "../../tensorBackend.ts";
import type { MatmulTuning, TuningCache } from "../../tuning.ts";
import { readStretches, write } from "../bufferOwner.ts";
import type { GpuDevice } from "../device.ts";
import { type CommandQueue, commandQueueOf } from "./commandQueue.ts";
import { encodeAccumulate, encodeBinary, encodeCopy, encodeUnary } from "./elementwise.ts";
import { kernelLoader } from "./kernelLoader.ts";
import { encodeMatmul } from "./matmul.ts";
import { encodeReduce } from "./reductions.ts";
import { encodeSoftmax } from "./softmaxRows.ts";

type Stored = StoredValues<GPUBuffer>;

const bytesOf = (dtype: DataType): number => (dtype === "f16" ? 2 : 4);

/** Bits of values as a buffer holds them. */
function stored(values: ArrayLike<number>, dtype: DataType): Float32Array | Uint32Array {
  if (dtype === "f16") return toHalfFloats(values);
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

/** Tensors on a WebGPU device: each operation records the kernel of its name. */
export class GpuTensorBackend implements TensorBackend<GPUBuffer> {
  readonly #device: GpuDevice;

  constructor(device: GpuDevice) {
    this.#device = device;
    kernelLoader.load().catch(() => {}); // `read` tells
  }

  get maxBytes(): number {
    return this.#device.maxBufferBytes;
  }

  bytesPerValue(dtype: DataType): number {
    return bytesOf(dtype);
  }

  lacks(dtype: DataType): string | undefined {
    if (dtype === "f32" || this.#device.gpu.features.has("shader-f16")) return undefined;
    return "the feature shader-f16";
  }

  allocate({ label, shape, dtype, values }: AllocationRequest): GPUBuffer {
    const count = sizeOf(shape);
    const all = typeof values === "number" ? new Float32Array(count).fill(values) : values;
    const commands = commandQueueOf(this.#device);
    const bytes = count * bytesOf(dtype);
    if (!all) return commands.pool.take(label, bytes);
    const buffer = commands.takeForWrite(label, bytes);
    try {
      write(this.#device, buffer, stored(all, dtype));
      return buffer;
    } catch (error) {
      commands.release(buffer);
      throw error;
    }
  }

  release(buffer: GPUBuffer): void {
    commandQueueOf(this.#device).release(buffer);
  }

  read(values: Stored, count: number): Promise<Float32Array> {
    const commands = commandQueueOf(this.#device);
    if (kernelLoader.loaded) return this.#readNow(commands, values, count);
    return new Promise((resolve, reject) => {
      commands.inOrder(() => this.#readNow(commands, values, count).then(resolve, reject));
      kernelLoader.load().catch(reject);
    });
  }

  async #readNow(commands: CommandQueue, values: Stored, count: number): Promise<Float32Array> {
    const { buffer, dtype, offset } = values;
    const perWord = 4 / bytesOf(dtype);
    const first = Math.floor(offset / perWord);
    const length = Math.ceil((offset + count) / perWord) - first;
    commands.submit();
    const words = await readStretches(this.#device, `tensor ${buffer.label}`, [{ buffer, first, length }]);
    if (dtype === "f32") return new Float32Array(words);
    return fromHalfFloats(new Uint16Array(words, 2 * (offset - perWord * first), count));
  }

  unary(operation: UnaryOperation<GPUBuffer>): void {
    encodeUnary(this.#device, operation);
  }

  binary(operation: BinaryOperation<GPUBuffer>): void {
    encodeBinary(this.#device, operation);
  }

  copy(operation: CopyOperation<GPUBuffer>): void {
    encodeCopy(this.#device, operation);
  }

  accumulate(a: Stored, out: Stored, count: number): void {
    encodeAccumulate(this.#device, a, out, count);
  }

  reduce(operation: ReduceOperation<GPUBuffer>): void {
    encodeReduce(this.#device, operation);
  }

  softmax(operation: SoftmaxOperation<GPUBuffer>): void {
    encodeSoftmax(this.#device, operation);
  }

  matmul(operation: MatmulOperation<GPUBuffer>): void {
    encodeMatmul({ ...operation, device: this.#device });
  }

  /** Loads what measures only here: most programs do not tune. */
  async tuneMatmul(cache: TuningCache | undefined): Promise<MatmulTuning> {
    const { tuneMatmul } = await import("./matmulTuning.ts");
    return tuneMatmul(this.#device, cache);
  }
}
