import { BufferOwner } from "../bufferOwner.ts";
import type { GpuDevice } from "../device.ts";

/** A buffer that nobody holds, and the number of submits when it was given back. */
interface FreeBuffer {
  readonly buffer: GPUBuffer;
  readonly since: number;
}

/** A free buffer goes when it was not taken again for so many submits, or when the free ones pass so many bytes. */
const idleSubmits = 16;
export const maxFreeBytes = 2 ** 28;
const sizeStep = 256;
const sizeFor = (bytes: number): number => Math.max(sizeStep, Math.ceil(bytes / sizeStep) * sizeStep);

/**
 * Storage buffers that are taken, given back and taken again. A buffer that was given back may still be used by commands that
 * are not submitted yet: commands recorded later find it as those left it, but the queue's own writes must wait.
 */
export class BufferPool {
  readonly #owner: BufferOwner;
  readonly #free = new Map<number, FreeBuffer[]>();
  #taken = 0;
  #submits = 0;
  #freeBytes = 0;

  constructor(device: GpuDevice) {
    this.#owner = new BufferOwner(device);
  }

  /** True while somebody holds a buffer. */
  get isInUse(): boolean {
    return this.#taken > 0;
  }

  /** Bytes that nobody holds, and that may be taken again. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** Bytes in buffers for `bytes` that only waiting commands keep from being written to; 0 where one can be. */
  heldUpBytes(bytes: number): number {
    const free = this.#free.get(sizeFor(bytes)) ?? [];
    return free[0]?.since === this.#submits ? free.length * sizeFor(bytes) : 0; // the first has been free for longest
  }

  /**
   * A buffer of `bytes` at least, with whatever is in it.
   * @param forWrite the queue will write to it: no command that waits for its submit may use it
   * @throws LimitExceeded where it is larger than the device's largest buffer
   */
  take(label: string, bytes: number, forWrite = false): GPUBuffer {
    const size = sizeFor(bytes);
    const free = this.#free.get(size) ?? [];
    const at = forWrite ? free.findIndex(({ since }) => since < this.#submits) : free.length - 1;
    const [found] = at < 0 ? [] : free.splice(at, 1);
    const buffer = found?.buffer ?? this.#owner.storage(label, size / 4);
    if (found) this.#freeBytes -= size;
    buffer.label = label;
    this.#taken++;
    return buffer;
  }

  giveBack(buffer: GPUBuffer): void {
    const free = this.#free.get(buffer.size) ?? [];
    this.#free.set(buffer.size, free);
    free.push({ buffer, since: this.#submits });
    this.#freeBytes += buffer.size;
    this.#taken--;
  }

  /** To be called where no command waits any more, as behind every submit. */
  noteSubmit(): void {
    this.#submits++;
    const all = [...this.#free.values()].flat().sort((a, b) => a.since - b.since);
    for (const one of all) {
      if (this.#submits - one.since <= idleSubmits && this.#freeBytes <= maxFreeBytes) break;
      const free = this.#free.get(one.buffer.size)!;
      free.splice(free.indexOf(one), 1);
      this.#freeBytes -= one.buffer.size;
      this.#owner.free(one.buffer);
    }
  }

  /** Frees every buffer; to be called when none is taken and no command waits. */
  dispose(): void {
    this.#free.clear();
    this.#freeBytes = 0;
    this.#owner.dispose();
  }
}
