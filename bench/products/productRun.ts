import { readStretches, write } from "../../src/backend/webgpu/bufferOwner.ts";
import { commandQueueOf } from "../../src/backend/webgpu/tensor/commandQueue.ts";
import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import { kernelLoader } from "../../src/backend/webgpu/tensor/kernelLoader.ts";
import {
  encodeMatmul,
  type MatmulRequest,
  type MatmulChoice,
  usualProduct,
} from "../../src/backend/webgpu/tensor/matmul.ts";
import { matricesOf, type MatmulShape } from "./shapes.ts";
import type { Factors } from "./truth.ts";

const place = "bench products";

/** One product on a device, in any variant, over and over. */
export class ProductRun {
  readonly #request: MatmulRequest;
  readonly #poison: Float32Array;

  /** @throws what the library throws where the factors do not fit the device */
  constructor(device: GpuDevice, shape: MatmulShape, { a, b }: Factors) {
    const { batch, m, n, k, transposeA, transposeB } = shape;
    const { pool } = commandQueueOf(device);
    const operand = (label: string, values: Float32Array, leading: number, stride: number) => {
      const buffer = pool.take(label, values.byteLength, true);
      write(device, buffer, values);
      return { buffer, dtype: "f32" as const, offset: 0, leading, batchStrides: batch === undefined ? [] : [stride] };
    };
    this.#poison = new Float32Array(matricesOf(shape) * m * n).fill(Number.NaN);
    this.#request = {
      device,
      a: operand("a", a, transposeA ? m : k, m * k),
      b: operand("b", b, transposeB ? k : n, k * n),
      out: { buffer: pool.take("out", this.#poison.byteLength, true), dtype: "f32", offset: 0 },
      batch: batch === undefined ? [] : [batch],
      m,
      n,
      k,
      transposeA,
      transposeB,
    };
  }

  /** What the library takes. */
  get usual(): MatmulChoice {
    return usualProduct(this.#request);
  }

  /**
   * Milliseconds of so many products, from the first that is recorded until the device has done the last.
   * @param choice undefined: the library's own
   */
  async time(count: number, choice: MatmulChoice | undefined): Promise<number> {
    const { device } = this.#request;
    await kernelLoader.load();
    const startMs = performance.now();
    for (let done = 0; done < count; done++) encodeMatmul(this.#request, choice);
    commandQueueOf(device).submit();
    await device.gpu.queue.onSubmittedWorkDone();
    const ms = performance.now() - startMs;
    device.throwFault(place);
    return ms;
  }

  /** Makes every value of out one that no product is. */
  poison(): void {
    const { device, out } = this.#request;
    write(device, out.buffer, this.#poison);
  }

  /** out [batch, m, n]. */
  async read(): Promise<Float32Array> {
    const { device, out } = this.#request;
    const { length } = this.#poison;
    return new Float32Array(await readStretches(device, place, [{ buffer: out.buffer, first: 0, length }]));
  }

  dispose(): void {
    const { device, a, b, out } = this.#request;
    for (const { buffer } of [a, b, out]) commandQueueOf(device).release(buffer);
  }
}
