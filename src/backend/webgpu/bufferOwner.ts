import { LimitExceeded } from "../../errors.ts";
import { nextTask } from "../../nextTask.ts";
import type { FloatArray } from "../executor.ts";
import type { GpuDevice } from "./device.ts";

const storageUsage = (): number => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
const uniformUsage = (): number => GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;

/** Creates buffers and frees them, one or all together; the device's ledger counts what is alive. */
export class BufferOwner {
  readonly #device: GpuDevice;
  readonly #buffers = new Set<GPUBuffer>();

  constructor(device: GpuDevice) {
    this.#device = device;
  }

  /** Bytes of the buffers that are alive. */
  get bytes(): number {
    return [...this.#buffers].reduce((total, buffer) => total + buffer.size, 0);
  }

  #create(label: string, bytes: number, usage: number): GPUBuffer {
    const size = Math.max(16, Math.ceil(bytes / 4) * 4);
    if (size > this.#device.maxBufferBytes) {
      const fix = "use fewer members, a smaller batch or smaller layers";
      const expected = `at most ${this.#device.maxBufferBytes} bytes in one buffer`;
      throw new LimitExceeded({ place: label, expected, got: String(size), fix });
    }
    const buffer = this.#device.guarded(label, () => this.#device.gpu.createBuffer({ label, size, usage }));
    this.#buffers.add(buffer);
    this.#device.ledger.buffers++;
    this.#device.ledger.bytes += size;
    return buffer;
  }

  /** A storage buffer of `length` 4-byte values, zeros. */
  storage(label: string, length: number): GPUBuffer {
    return this.#create(label, length * 4, storageUsage());
  }

  /** A storage buffer with values. */
  upload(label: string, values: Float32Array | Uint32Array): GPUBuffer {
    const buffer = this.storage(label, values.length);
    write(this.#device, buffer, values);
    return buffer;
  }

  /** A uniform buffer of `bytes`. */
  uniform(label: string, bytes: number): GPUBuffer {
    return this.#create(label, bytes, uniformUsage());
  }

  /** Frees one buffer of its own. */
  free(buffer: GPUBuffer): void {
    if (!this.#buffers.delete(buffer)) return;
    buffer.destroy();
    this.#device.ledger.buffers--;
    this.#device.ledger.bytes -= buffer.size;
  }

  /** Frees every buffer; may be called again. */
  dispose(): void {
    for (const buffer of this.#buffers) this.free(buffer);
  }
}

/** Values as a buffer holds them. */
export const toFloat32 = (values: FloatArray): Float32Array =>
  values instanceof Float32Array ? values : Float32Array.from(values);

/** Writes an array from the start of a buffer. */
export function write(
  device: GpuDevice,
  buffer: GPUBuffer,
  values: Float32Array | Uint32Array | ArrayBuffer,
  atByte = 0,
): void {
  const { queue } = device.gpu;
  device.guarded(buffer.label, () => {
    if (values instanceof ArrayBuffer) queue.writeBuffer(buffer, atByte, values);
    else queue.writeBuffer(buffer, atByte, values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);
  });
}

/** A stretch of a buffer, in 4-byte values. */
export interface Stretch {
  readonly buffer: GPUBuffer;
  readonly first: number;
  readonly length: number;
}

/** Values that are mapped at a time: 32 MiB, some 20 ms of copying. */
const mostMapped = 2 ** 23;

const lengthOf = (stretches: readonly Stretch[]): number => stretches.reduce((total, { length }) => total + length, 0);

/** Stretches in lots of at most `mostMapped` values, one at least. */
function lotsOf(stretches: readonly Stretch[]): Stretch[][] {
  const lots: Stretch[][] = [[]];
  let room = mostMapped;
  for (const { buffer, first, length } of stretches) {
    for (let at = 0; at < length;) {
      if (room === 0) {
        lots.push([]);
        room = mostMapped;
      }
      const count = Math.min(room, length - at);
      lots.at(-1)!.push({ buffer, first: first + at, length: count });
      at += count;
      room -= count;
    }
  }
  return lots;
}

/** Copies ranges of buffers, concatenated, into a mappable buffer. */
function stage({ gpu }: GpuDevice, place: string, stretches: readonly Stretch[]): GPUBuffer {
  const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
  const size = Math.max(4, lengthOf(stretches) * 4);
  const staging = gpu.createBuffer({ label: `${place} staging`, size, usage });
  try {
    const encoder = gpu.createCommandEncoder({ label: place });
    let at = 0;
    for (const { buffer, first, length: count } of stretches) {
      encoder.copyBufferToBuffer(buffer, first * 4, staging, at * 4, count * 4);
      at += count;
    }
    gpu.queue.submit([encoder.finish()]);
    return staging;
  } catch (error) {
    staging.destroy();
    throw error;
  }
}

async function readStaged(staging: GPUBuffer, length: number): Promise<ArrayBuffer> {
  await staging.mapAsync(GPUMapMode.READ);
  const words = staging.getMappedRange(0, Math.max(4, length * 4)).slice(0, length * 4);
  if (words.byteLength === 4 * length) return words;
  throw new Error("the buffer was destroyed while it was being read"); // as by a loss of the device
}

/**
 * Reads ranges of buffers, concatenated, after all work submitted so far. Everything is copied on the device before this
 * returns its promise, so that later work changes nothing of it; much is then mapped in lots, between which others have a turn.
 */
export async function readStretches(
  device: GpuDevice,
  place: string,
  stretches: readonly Stretch[],
): Promise<ArrayBuffer> {
  device.throwFault(place);
  const lots = lotsOf(stretches);
  const staged: GPUBuffer[] = [];
  const read = async (lot: number): Promise<ArrayBuffer> =>
    device.settled(place, readStaged(staged[lot]!, lengthOf(lots[lot]!)));
  try {
    device.guarded(place, () => {
      for (const lot of lots) staged.push(stage(device, place, lot));
    });
    if (lots.length === 1) return await read(0);
    const all = new Uint8Array(4 * lengthOf(stretches));
    for (const [lot, staging] of staged.entries()) {
      all.set(new Uint8Array(await read(lot)), 4 * mostMapped * lot);
      staging.destroy();
      await nextTask();
    }
    return all.buffer;
  } finally {
    for (const staging of staged) staging.destroy();
  }
}

/** Reads floats from the start of a buffer. */
export async function readFloats(device: GpuDevice, buffer: GPUBuffer, length: number): Promise<Float32Array> {
  return new Float32Array(await readStretches(device, buffer.label, [{ buffer, first: 0, length }]));
}
