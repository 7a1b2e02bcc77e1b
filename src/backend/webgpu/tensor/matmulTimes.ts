import { CommandQueue, commandQueueOf } from "./commandQueue.ts";
import type { GpuDevice } from "../device.ts";
import { prepareKernel } from "../kernel.ts";
import {
  encodeMatmul,
  kernelOf,
  type MatmulRequest,
  type MatrixOperand,
  type MatmulChoice,
  productOf,
  usualProduct,
} from "./matmul.ts";
import { tensorKernel } from "./tensorKernels.ts";
import { expectedCost, type MatmulVariant, candidatesOf } from "../matmulVariants.ts";

/** A product without its values: what its time depends on. */
export interface MatmulShape extends Omit<MatmulRequest, "device" | "a" | "b" | "out" | "commands"> {
  readonly a: Omit<MatrixOperand, "buffer">;
  readonly b: Omit<MatrixOperand, "buffer">;
  readonly out: Pick<MatrixOperand, "dtype">;
}

export type MatmulTimes = Partial<Record<MatmulVariant, number>>;

/** A product that takes longer is not measured: whoever uses the device meanwhile would wait. */
const longestMs = 250;
/** Of products in one submit: long beside the time that a submit takes by itself. */
const sampleMs = 8;
const mostRepeats = 64;
/** Times the usual variant's, above which a variant is out after its first sample. */
const hopeless = 3;
/** What some browsers round times to. */
const clockMs = 0.1;
const bucketMs = 1500;
const [leastRounds, mostRounds] = [2, 4];

/** The layout of a request without its buffers; offsets count as far as four values are loaded at once. */
export function shapeOf({ a, b, out, batch, m, n, k, transposeA, transposeB }: MatmulRequest): MatmulShape {
  const layoutOf = ({ dtype, offset, leading, batchStrides }: MatrixOperand) => ({
    dtype,
    offset: offset % 4,
    leading,
    batchStrides: [...batchStrides],
  });
  const sizes = { batch: [...batch], m, n, k, transposeA, transposeB };
  return { ...sizes, a: layoutOf(a), b: layoutOf(b), out: { dtype: out.dtype } };
}

/** Bytes of the scratch buffers a, b and out. */
export function scratchBytes({ a, b, out, batch, m, n, k, transposeA, transposeB }: MatmulShape): number[] {
  const bytesOf = (dtype: string): number => (dtype === "f16" ? 2 : 4);
  const lengthOf = (operand: MatmulShape["a"], [rows, columns]: readonly [number, number]): number =>
    operand.batchStrides.reduce(
      (length, stride, axis) => length + (batch[axis]! - 1) * stride,
      operand.offset + (rows - 1) * operand.leading + columns,
    );
  const values = batch.reduce((product, size) => product * size, m * n);
  return [
    lengthOf(a, transposeA ? [k, m] : [m, k]) * bytesOf(a.dtype),
    lengthOf(b, transposeB ? [n, k] : [k, n]) * bytesOf(b.dtype),
    values * bytesOf(out.dtype),
  ];
}

/** Does something on a device whose complaints are its own: nobody else is to hear of them. @throws the first complaint */
async function guarded(device: GpuDevice, work: () => void): Promise<void> {
  const complaint = await device.answered(device.scoped(work).errors);
  if (complaint) throw new Error(complaint.message);
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

/** Measures one product in every variant that can take it, on buffers and a recorder of its own, which `free` frees. */
export class MatmulMeasurement {
  readonly #device: GpuDevice;
  readonly #commands: CommandQueue;
  readonly #shape: MatmulShape;
  #isFree = false;

  constructor(device: GpuDevice, shape: MatmulShape) {
    this.#device = device;
    this.#commands = new CommandQueue(device);
    this.#shape = shape;
  }

  /** Frees what it holds and lets `measure` reject; may be called again. */
  free(): void {
    this.#isFree = true;
    this.#commands.dispose();
  }

  /**
   * Median ms of the product in each variant, the usual one first; without the others where that takes too long.
   * @throws whatever the device complains of, and when it was freed
   */
  async measure(): Promise<MatmulTimes> {
    const request = await this.#take();
    const { variant: usual, splits } = usualProduct(request);
    const first = await this.#tryOnce(request, { variant: usual, splits });
    if (first > longestMs) return { [usual]: first };
    const product = productOf(request, splits);
    const least = expectedCost(usual, product);
    const others = candidatesOf(this.#device).filter(
      (variant) => variant !== usual && (first * expectedCost(variant, product)) / least <= longestMs,
    );
    const once = new Map<MatmulVariant, number>([[usual, first]]);
    for (const variant of others) once.set(variant, await this.#tryOnce(request, { variant, splits }));
    return this.#compare(request, splits, once);
  }

  /** Buffers of zeros, as WebGPU creates them: products take no longer with other values. */
  async #take(): Promise<MatmulRequest> {
    let buffers: readonly GPUBuffer[] = [];
    await guarded(this.#device, () => {
      this.#requireHeld();
      buffers = scratchBytes(this.#shape).map((bytes) => this.#commands.pool.take("tuning", bytes));
    });
    const [a, b, out] = buffers as readonly [GPUBuffer, GPUBuffer, GPUBuffer];
    return {
      ...this.#shape,
      device: this.#device,
      commands: this.#commands,
      a: { ...this.#shape.a, buffer: a },
      b: { ...this.#shape.b, buffer: b },
      out: { ...this.#shape.out, buffer: out, offset: 0 },
    };
  }

  #requireHeld(): void {
    if (this.#isFree) throw new Error("the tuning was ended");
  }

  /** Ms of one product, when its kernel has been compiled and has run. */
  async #tryOnce(request: MatmulRequest, choice: MatmulChoice): Promise<number> {
    const { kernel, constants } = kernelOf(request, choice.variant);
    await prepareKernel(this.#device, tensorKernel(kernel), constants);
    const cold = await this.#sample(request, choice, 1);
    return cold > 4 * longestMs ? cold : Math.min(cold, await this.#sample(request, choice, 1));
  }

  /** Ms from recording so many products to their end, when the queue was empty before. */
  async #sample(request: MatmulRequest, choice: MatmulChoice, count: number): Promise<number> {
    const { gpu } = this.#device;
    await this.#device.answered(gpu.queue.onSubmittedWorkDone());
    const begin = performance.now();
    const recorded = guarded(this.#device, () => {
      this.#requireHeld();
      for (let done = 0; done < count; done++) encodeMatmul(request, choice);
      this.#commands.submit();
    });
    await Promise.all([recorded, this.#device.answered(gpu.queue.onSubmittedWorkDone())]);
    return Math.max(clockMs, performance.now() - begin);
  }

  /** A sample during which no tensors' work was submitted, if there is one. */
  async #calmSample(request: MatmulRequest, choice: MatmulChoice, count: number): Promise<number> {
    const others = commandQueueOf(this.#device);
    for (let attempt = 0; ; attempt++) {
      const before = others.submits;
      const ms = await this.#sample(request, choice, count);
      if (others.submits === before || attempt === 2) return ms;
    }
  }

  /** Rounds of A B C C B A, so that a device that slows down does so for all. */
  async #compare(
    request: MatmulRequest,
    splits: number,
    once: ReadonlyMap<MatmulVariant, number>,
  ): Promise<MatmulTimes> {
    const [first = 0] = once.values();
    const kept = [...once].filter(([, ms]) => ms <= hopeless * first);
    const repeats = Math.max(1, Math.min(mostRepeats, Math.ceil(sampleMs / first)));
    const roundMs = 2 * repeats * kept.reduce((total, [, ms]) => total + ms, 0);
    const rounds = Math.max(leastRounds, Math.min(mostRounds, Math.floor(bucketMs / roundMs)));
    const samples = new Map(kept.map(([variant]): [MatmulVariant, number[]] => [variant, []]));
    const order = [...samples.keys()];
    for (let round = 0; round < rounds; round++) {
      for (const variant of [...order, ...order.toReversed()]) {
        const ms = await this.#calmSample(request, { variant, splits }, repeats);
        samples.get(variant)!.push(ms / repeats);
      }
    }
    const medians = [...samples].map(([variant, values]) => [variant, median(values)]);
    return { ...Object.fromEntries(once), ...Object.fromEntries(medians) };
  }
}
