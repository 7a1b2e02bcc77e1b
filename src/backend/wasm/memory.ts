import type { Heap } from "./heap.ts";

/** Memory of one owner in a heap, freed together. */
export class Memory {
  readonly heap: Heap;
  readonly #addresses: number[] = [];

  constructor(heap: Heap) {
    this.heap = heap;
  }

  /** Takes memory for f32 values or words, all 0. @returns its address */
  allocate(count: number): number {
    const address = this.heap.allocate(4 * count);
    this.#addresses.push(address);
    this.heap.words(address, count).fill(0);
    return address;
  }

  /** Takes memory for words that are written at once. @returns its address */
  words(values: ArrayLike<number>): number {
    const address = this.allocate(values.length);
    this.heap.words(address, values.length).set(values);
    return address;
  }

  /** Takes memory for f32 values that are written at once. @returns its address */
  floats(values: ArrayLike<number>): number {
    const address = this.allocate(values.length);
    this.heap.floats(address, values.length).set(values);
    return address;
  }

  free(): void {
    for (const address of this.#addresses) this.heap.release(address);
    this.#addresses.length = 0;
  }
}
