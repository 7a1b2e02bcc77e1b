import { LimitExceeded } from "../../errors.ts";

const pageBytes = 2 ** 16;
/** Addresses are multiples of it: a line of the cache, so that two threads never write to one. */
const lineBytes = 64;
/** Kernels read whole vectors, also where the last values of a block are fewer: so much lies behind every block. */
const slackBytes = 64;
/** 4 GiB: all that 32-bit addresses reach. */
const mostPages = 65_536;
const leastPages = 1024;

/** Shared memory reserves the addresses of its largest size, of which some machines have few: then a smaller one is tried. */
function createMemory(isShared: boolean, pages: number): [WebAssembly.Memory, number] {
  try {
    return [new WebAssembly.Memory({ initial: 1, maximum: pages, shared: isShared }), pages];
  } catch (error) {
    if (pages <= leastPages) throw error;
    return createMemory(isShared, Math.max(leastPages, pages / 4));
  }
}

/** Bytes that a heap takes for so many that are requested. */
export const blockBytes = (bytes: number): number => Math.ceil((bytes + slackBytes) / lineBytes) * lineBytes;

/** Gaps of one class are between 2ⁿ and 2ⁿ⁺¹ bytes. */
const classOf = (bytes: number): number => 31 - Math.clz32(bytes / lineBytes);

/** Gaps, by where they begin, where they end, and how large they are: each of them is found in a time that does not grow with their number. */
class Gaps {
  readonly #sizes = new Map<number, number>();
  /** From the address behind a gap to its own. */
  readonly #starts = new Map<number, number>();
  readonly #classes: Set<number>[] = Array.from({ length: 27 }, () => new Set());

  #insert(address: number, bytes: number): void {
    this.#sizes.set(address, bytes);
    this.#starts.set(address + bytes, address);
    this.#classes[classOf(bytes)]!.add(address);
  }

  #remove(address: number): number {
    const bytes = this.#sizes.get(address)!;
    this.#sizes.delete(address);
    this.#starts.delete(address + bytes);
    this.#classes[classOf(bytes)]!.delete(address);
    return bytes;
  }

  /** Adds a gap, joined with its neighbours. */
  add(address: number, bytes: number): void {
    const before = this.#starts.get(address);
    const start = before ?? address;
    const joined = bytes + (before === undefined ? 0 : this.#remove(before));
    const after = this.#sizes.has(address + bytes) ? this.#remove(address + bytes) : 0;
    this.#insert(start, joined + after);
  }

  /** Takes the first bytes of a gap. @returns its address; undefined where none is large enough */
  take(bytes: number): number | undefined {
    const found = this.#find(bytes);
    if (found === undefined) return undefined;
    const all = this.#remove(found);
    if (all > bytes) this.#insert(found + bytes, all - bytes);
    return found;
  }

  #find(bytes: number): number | undefined {
    const own = classOf(bytes);
    // Of a gap's own class a few are looked at; of larger ones any will do.
    let looks = 8;
    for (const address of this.#classes[own]!) {
      if (this.#sizes.get(address)! >= bytes) return address;
      if (--looks === 0) break;
    }
    return this.#classes
      .find((gaps, larger) => larger > own && gaps.size > 0)
      ?.values()
      .next().value;
  }

  /** Bytes of the gap that ends at an address. */
  bytesBefore(end: number): number {
    const start = this.#starts.get(end);
    return start === undefined ? 0 : end - start;
  }
}

export interface HeapOptions {
  /** Whether several threads may use the memory: needs SharedArrayBuffer. */
  readonly isShared: boolean;
  /** Largest size of the memory, in pages of 64 KiB; default: all that addresses reach. */
  readonly mostPages?: number;
}

/** What `heap.memory` is imported as, whatever its size. */
export const memoryImport = (isShared: boolean) =>
  ({ module: "host", name: "memory", initialPages: 1, maximumPages: mostPages, shared: isShared }) as const;

/** A WebAssembly memory, and which parts of it are in use. It grows when it has to and is never given back in part. */
export class Heap {
  readonly memory: WebAssembly.Memory;
  readonly isShared: boolean;
  readonly #mostPages: number;
  readonly #used = new Map<number, number>();
  readonly #gaps = new Gaps();
  #usedBytes = 0;

  constructor({ isShared, mostPages: pages = mostPages }: HeapOptions) {
    this.isShared = isShared;
    [this.memory, this.#mostPages] = createMemory(isShared, pages);
    this.#gaps.add(lineBytes, pageBytes - lineBytes); // an address is never 0
  }

  /** Bytes in use. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Takes memory, which holds what was there before.
   * @returns its address in bytes, a multiple of 64
   * @throws LimitExceeded where the memory cannot grow as far
   */
  allocate(bytes: number): number {
    const needed = blockBytes(bytes);
    const address = this.#gaps.take(needed) ?? this.#grow(needed);
    this.#used.set(address, needed);
    this.#usedBytes += needed;
    return address;
  }

  /** Gives memory back. @param address of `allocate` */
  release(address: number): void {
    const bytes = this.#used.get(address);
    if (bytes === undefined) throw new Error(`heap: nothing is allocated at ${address}`);
    this.#used.delete(address);
    this.#usedBytes -= bytes;
    this.#gaps.add(address, bytes);
  }

  /** Adds pages, and takes so many bytes at the end of what was there. */
  #grow(bytes: number): number {
    const end = this.memory.buffer.byteLength;
    const start = end - this.#gaps.bytesBefore(end);
    const pages = Math.ceil((start + bytes - end) / pageBytes);
    try {
      this.memory.grow(pages);
    } catch (cause) {
      const most = `at most ${this.#mostPages} pages of 64 KiB`;
      const got = `${end / pageBytes + pages}`;
      const fix = "use smaller batches or fewer members";
      throw new LimitExceeded({ place: "WebAssembly memory", expected: most, got, fix, cause });
    }
    this.#gaps.add(end, pages * pageBytes);
    return this.#gaps.take(bytes)!;
  }

  /** f32 values at an address; no longer valid when memory grows. */
  floats(address: number, count: number): Float32Array<ArrayBufferLike> {
    return new Float32Array(this.memory.buffer, address, count);
  }

  /** 32-bit words at an address; no longer valid when memory grows. */
  words(address: number, count: number): Int32Array<ArrayBufferLike> {
    return new Int32Array(this.memory.buffer, address, count);
  }

  writeWords(address: number, values: ArrayLike<number>): void {
    this.words(address, values.length).set(values);
  }

  writeFloats(address: number, values: ArrayLike<number>): void {
    this.floats(address, values.length).set(values);
  }

  /** Sets words to 0. */
  clear(address: number, count: number): void {
    this.words(address, count).fill(0);
  }
}
