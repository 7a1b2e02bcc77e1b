import { blockBytes, type Heap } from "./heap.ts";

/** Allocates memory: a heap, or a counter that only adds up what a heap would allocate. */
export type MemorySource = Pick<Heap, "allocate" | "release" | "writeWords" | "writeFloats" | "clear">;

/** Counts the bytes that a heap would allocate. */
export class MemoryCount implements MemorySource {
  bytes = 0;

  allocate(bytes: number): number {
    this.bytes += blockBytes(bytes);
    return 0;
  }

  release(): void {}
  writeWords(): void {}
  writeFloats(): void {}
  clear(): void {}
}

/** Memory of one owner in a heap, freed together. */
export class Memory {
  readonly #source: MemorySource;
  readonly #addresses: number[] = [];

  constructor(source: MemorySource) {
    this.#source = source;
  }

  /** Takes memory that is written before it is read: it holds what was there before. @returns its address */
  reserve(count: number): number {
    const address = this.#source.allocate(4 * count);
    this.#addresses.push(address);
    return address;
  }

  /** Takes memory for f32 values or words, all 0. @returns its address */
  allocate(count: number): number {
    const address = this.reserve(count);
    this.#source.clear(address, count);
    return address;
  }

  /** Takes memory for words that are written at once. @returns its address */
  words(values: ArrayLike<number>): number {
    const address = this.reserve(values.length);
    this.#source.writeWords(address, values);
    return address;
  }

  /** Takes memory for f32 values that are written at once. @returns its address */
  floats(values: ArrayLike<number>): number {
    const address = this.reserve(values.length);
    this.#source.writeFloats(address, values);
    return address;
  }

  free(): void {
    for (const address of this.#addresses) this.#source.release(address);
    this.#addresses.length = 0;
  }
}

interface RowLayout {
  readonly rows: number;
  readonly count: number;
  /** From a row to the next, in values. */
  readonly stride: number;
}

/** Rows of f32 values without what lies between them. */
export function readRows(heap: Heap, address: number, { rows, count, stride }: RowLayout): Float32Array {
  const values = new Float32Array(rows * count);
  for (let row = 0; row < rows; row++) values.set(heap.floats(address + 4 * row * stride, count), row * count);
  return values;
}
