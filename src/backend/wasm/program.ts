import type { MemorySource } from "./memory.ts";
import { callWords, closed, phaseWords } from "./thread.js";

/** A kernel of all threads of a pool. */
export interface KernelHandle {
  readonly index: number;
}

/** The kernel of a name. */
export type KernelOf = (name: string) => KernelHandle;

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
  readonly #heap: MemorySource;

  /** Phases without items or calls are left out. */
  constructor(heap: MemorySource, phases: readonly Phase[]) {
    this.#heap = heap;
    this.phases = phases.filter(({ items, calls }) => items > 0 && calls.length > 0);
    const tooMany = this.phases.find(({ items }) => items > mostItems);
    if (tooMany) throw new Error(`program: a phase of ${tooMany.items} items, at most ${mostItems}`);
    const calls = this.phases.flatMap((phase) => phase.calls);
    const [firstCall, words] = [phaseWords * this.phases.length, callWords * calls.length];
    this.address = heap.allocate(4 * (firstCall + words));
    let at = this.address / 4 + firstCall;
    const records = this.phases.flatMap((phase) => {
      const first = at;
      at += callWords * phase.calls.length;
      return [phase.items, first, phase.calls.length];
    });
    heap.writeWords(this.address, [...records, ...calls.flatMap(({ kernel, args }) => [kernel.index, args])]);
  }

  dispose(): void {
    this.#heap.release(this.address);
  }
}
