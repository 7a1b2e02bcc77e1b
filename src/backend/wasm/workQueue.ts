import type { Heap } from "./heap.ts";
import type { ThreadPool } from "./pool.ts";
import { mostItems, type Phase, Program } from "./program.ts";

/** An operation, with all that it needs in memory. */
export interface Work {
  /** In order. */
  readonly phases: readonly Phase[];
  /** About how many of the machine it takes. */
  readonly operations: number;
  /** Frees its arguments. */
  dispose(): void;
}

/** Works of one run at most. */
const mostWorks = 1024;

type Task = Work | (() => void);

/**
 * The order of operations on a device. Small ones run at once in this thread; others, and all that follow them, are run by all threads
 * as soon as the caller lets them.
 *
 * Memory that is freed while operations wait is given to later operations only, never to the host, which writes at once.
 */
export class WorkQueue {
  readonly #heap: Heap;
  readonly #pool: ThreadPool;
  readonly #leastShared: number;
  readonly #waiting: Task[] = [];
  /** Freed blocks by their size, until nothing waits. */
  readonly #retired = new Map<number, number[]>();
  #isBusy = false;
  #failure: { readonly cause: unknown } | undefined;

  /** @param leastShared operations from which on other threads are woken */
  constructor(heap: Heap, pool: ThreadPool, leastShared: number) {
    this.#heap = heap;
    this.#pool = pool;
    this.#leastShared = leastShared;
  }

  /** Runs an operation behind all others. What fails is told by `whenDone`. */
  add(work: Work): void {
    const isSmall = work.operations < this.#leastShared || this.#pool.threads === 1;
    if (isSmall && !this.#isBusy) this.#runAlone(work);
    else if (work.phases.some(({ items }) => items > mostItems)) this.#wait(() => this.#runAlone(work));
    else this.#wait(work);
  }

  /** What an action gives behind all that was added before. @throws what failed before */
  whenDone<T>(action: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const act = (): void => {
        if (this.#failure) reject(this.#failure.cause);
        else resolve(action());
      };
      if (this.#isBusy) this.#wait(act);
      else act();
    });
  }

  /** Takes memory that nobody but operations writes to before it is read. */
  allocate(bytes: number): number {
    return this.#retired.get(bytes)?.pop() ?? this.#heap.allocate(bytes);
  }

  /** Frees memory of `allocate` or of the heap, which operations that wait may still use. */
  release(address: number, bytes: number): void {
    if (!this.#isBusy) return this.#heap.release(address);
    const alike = this.#retired.get(bytes) ?? [];
    this.#retired.set(bytes, alike);
    alike.push(address);
  }

  #wait(task: Task): void {
    this.#waiting.push(task);
    if (this.#isBusy) return;
    this.#isBusy = true;
    queueMicrotask(() => void this.#drain());
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const isAction = (task: Task): task is () => void => typeof task === "function";
      const end = this.#waiting.findIndex((task, at) => isAction(task) || at === mostWorks);
      const works = this.#waiting.splice(0, end < 0 ? this.#waiting.length : end) as Work[];
      if (works.length > 0) await this.#run(works);
      while (this.#waiting.length > 0 && isAction(this.#waiting[0]!)) (this.#waiting.shift() as () => void)();
    }
    this.#isBusy = false;
    for (const address of [...this.#retired.values()].flat()) this.#heap.release(address);
    this.#retired.clear();
  }

  async #run(works: readonly Work[]): Promise<void> {
    let program: Program | undefined;
    try {
      if (this.#failure) return;
      program = new Program(
        this.#heap,
        works.flatMap(({ phases }) => phases),
      );
      await this.#pool.run(program);
    } catch (cause) {
      this.#failure ??= { cause };
    } finally {
      program?.dispose();
      for (const work of works) work.dispose();
    }
  }

  #runAlone(work: Work): void {
    try {
      if (!this.#failure) this.#pool.runAlone(work);
    } catch (cause) {
      this.#failure = { cause };
    } finally {
      work.dispose();
    }
  }
}
