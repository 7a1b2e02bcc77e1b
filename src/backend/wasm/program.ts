import type { Heap } from "./heap.ts";
import { callWords, closed, phaseWords } from "./thread.js";

/** A kernel of all threads of a pool. */
export interface KernelHandle {
  readonly index: number;
}

/** Types of a kernel's parameters: the address of its arguments, which item, memory of the thread, which turn. */
export const kernelParameters = ["i32", "i32", "i32", "i32"] as const;

/** What is done for each item of a phase. */
export interface Call {
  readonly kernel: KernelHandle;
  /** Address of its arguments. */
  readonly args: number;
}

/** Items of which none needs another, and for each of them these calls in order. */
export interface Phase {
  readonly items: number;
  readonly calls: readonly Call[];
}

/** Most items of one phase. */
export const mostItems = closed - 1;

/** Phases in the memory of a heap, where threads read them. */
export class Program {
  readonly phases: readonly Phase[];
  /** Address of the records. */
  readonly address: number;
  readonly #heap: Heap;

  /** Phases without items or calls are left out. */
  constructor(heap: Heap, phases: readonly Phase[]) {
    this.#heap = heap;
    this.phases = phases.filter(({ items, calls }) => items > 0 && calls.length > 0);
    const tooMany = this.phases.find(({ items }) => items > mostItems);
    if (tooMany) throw new Error(`program: a phase of ${tooMany.items} items, at most ${mostItems}`);
    const callCount = this.phases.reduce((sum, { calls }) => sum + calls.length, 0);
    const words = phaseWords * this.phases.length + callWords * callCount;
    this.address = heap.allocate(4 * words);
    const records = heap.words(this.address, words);
    let at = phaseWords * this.phases.length;
    this.phases.forEach(({ items, calls }, index) => {
      records.set([items, this.address / 4 + at, calls.length], phaseWords * index);
      for (const { kernel, args } of calls) {
        records.set([kernel.index, args], at);
        at += callWords;
      }
    });
  }

  dispose(): void {
    this.#heap.release(this.address);
  }
}
