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

interface Block {
  readonly address: number;
  readonly bytes: number;
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
  /** Gaps by address; no two touch. */
  #free: Block[];

  constructor({ isShared, mostPages: pages = mostPages }: HeapOptions) {
    this.isShared = isShared;
    [this.memory, this.#mostPages] = createMemory(isShared, pages);
    this.#free = [{ address: lineBytes, bytes: pageBytes - lineBytes }]; // an address is never 0
  }

  /** Bytes in use. */
  get usedBytes(): number {
    return [...this.#used.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /**
   * Takes memory, which holds what was there before.
   * @returns its address in bytes, a multiple of 64
   * @throws LimitExceeded where the memory cannot grow as far
   */
  allocate(bytes: number): number {
    const needed = Math.ceil((bytes + slackBytes) / lineBytes) * lineBytes;
    let place = this.#free.findIndex((gap) => gap.bytes >= needed);
    if (place < 0) {
      this.#grow(needed);
      place = this.#free.length - 1;
    }
    const { address, bytes: found } = this.#free[place]!;
    if (found === needed) this.#free.splice(place, 1);
    else this.#free[place] = { address: address + needed, bytes: found - needed };
    this.#used.set(address, needed);
    return address;
  }

  /** Gives memory back. @param address of `allocate` */
  release(address: number): void {
    const bytes = this.#used.get(address);
    if (bytes === undefined) throw new Error(`heap: nothing is allocated at ${address}`);
    this.#used.delete(address);
    this.#addGap({ address, bytes });
  }

  #addGap({ address, bytes }: Block): void {
    const behind = this.#free.findIndex((gap) => gap.address > address);
    const place = behind < 0 ? this.#free.length : behind;
    const [before, after] = [this.#free[place - 1], this.#free[place]];
    const joinsBefore = before !== undefined && before.address + before.bytes === address;
    const joinsAfter = after !== undefined && address + bytes === after.address;
    const joined = {
      address: joinsBefore ? before.address : address,
      bytes: bytes + (joinsBefore ? before.bytes : 0) + (joinsAfter ? after.bytes : 0),
    };
    this.#free.splice(place - (joinsBefore ? 1 : 0), (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0), joined);
  }

  /** Adds pages, until the last gap has so many bytes. */
  #grow(bytes: number): void {
    const end = this.memory.buffer.byteLength;
    const last = this.#free[this.#free.length - 1];
    const atEnd = last && last.address + last.bytes === end ? last.bytes : 0;
    const pages = Math.ceil((bytes - atEnd) / pageBytes);
    try {
      this.memory.grow(pages);
    } catch (cause) {
      const most = `at most ${this.#mostPages} pages of 64 KiB`;
      const got = `${end / pageBytes + pages}`;
      const fix = "take smaller batches or fewer members";
      throw new LimitExceeded({ place: "WebAssembly memory", expected: most, got, fix, cause });
    }
    this.#addGap({ address: end, bytes: pages * pageBytes });
  }

  /** f32 values at an address; no longer valid when memory grows. */
  floats(address: number, count: number): Float32Array<ArrayBufferLike> {
    return new Float32Array(this.memory.buffer, address, count);
  }

  /** 32-bit words at an address; no longer valid when memory grows. */
  words(address: number, count: number): Int32Array<ArrayBufferLike> {
    return new Int32Array(this.memory.buffer, address, count);
  }
}
