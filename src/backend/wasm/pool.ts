import { Disposed } from "../../errors.ts";
import { nextTask } from "../../nextTask.ts";
import type { Heap } from "./heap.ts";
import type { KernelHandle, Program } from "./program.ts";
import {
  addTo,
  closed,
  itemBits,
  type Modules,
  phaseMask,
  place,
  setCursor,
  takeItems,
  type Thread,
} from "./thread.js";
import { hasThreads, maySleep } from "./workerHost.ts";
import { threadFailure, Workers } from "./workers.ts";

export interface PoolOptions {
  readonly heap: Heap;
  /** Threads that take items, the caller among them where it may sleep. */
  readonly threads: number;
  /** Memory that each thread has to itself: for panels of matrices and the like. */
  readonly scratchBytes: number;
}

/** How long the caller works or sleeps before its other tasks get their turn: news of lost workers among them. */
const patienceMs = 20;

/** A module, and which of its exports become kernels. */
type KernelModule = Pick<Modules, "module" | "names">;

/** @returns why there can be no workers, if so */
function reasonForOneThread({ heap, threads }: PoolOptions): string | undefined {
  if (threads <= 1) return undefined;
  if (!hasThreads()) return "no SharedArrayBuffer: the page is not cross-origin isolated";
  return heap.isShared ? undefined : "the memory is not shared";
}

/**
 * Threads that run programs over one memory. What a program computes does not depend on how many there are.
 *
 * In Node and in workers the caller takes items itself. The thread of a page never sleeps: it leaves all items to workers, and computes
 * itself only where there can be none.
 */
export class ThreadPool {
  readonly heap: Heap;
  /** Why there are fewer threads than requested. */
  readonly fallbackReason: string | undefined;
  readonly #workers: Workers;
  readonly #thread: Thread;
  /** Memory that was allocated for the pool. */
  readonly #allocated: readonly number[];
  readonly #callerWorks: boolean;
  #knownBytes = 0;
  /** Numbers of kernels that nobody uses any more. */
  readonly #freeNumbers: number[] = [];
  /** When other tasks are due. */
  #pauseMs = 0;
  /** What is under way: runs and orders take their turns. */
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #isDisposed = false;
  #callerError: unknown;

  private constructor(heap: Heap, workers: Workers, allocated: readonly number[], fallbackReason: string | undefined) {
    const [control, scratch] = allocated as [number, number];
    this.heap = heap;
    this.fallbackReason = fallbackReason;
    this.#workers = workers;
    this.#allocated = allocated;
    this.#callerWorks = workers.count === 0 || maySleep();
    const failed = (error: unknown): void => void (this.#callerError ??= error);
    this.#thread = { words: this.#view(), control: control / 4, scratch, kernels: [], failed };
  }

  /** Starts threads: fewer than requested where the host has none, or cannot start them. */
  static async open(options: PoolOptions): Promise<ThreadPool> {
    const { heap, threads, scratchBytes } = options;
    const reason = reasonForOneThread(options);
    const wanted = reason === undefined && threads > 1 ? threads - (maySleep() ? 1 : 0) : 0;
    const control = heap.allocate(4 * place.words);
    const scratch = Array.from({ length: wanted + 1 }, () => heap.allocate(scratchBytes));
    const words = heap.words(control, place.words);
    words.fill(0);
    words[place.cursor] = closed;
    words[place.messages] = 1;
    const workers = new Workers();
    const opening = { memory: heap.memory, control: control / 4 };
    const orders = scratch.slice(1).map((address) => ({ opening: { ...opening, scratch: address }, modules: [] }));
    const failedReason = await workers.open(orders);
    return new ThreadPool(heap, workers, [control, ...scratch], reason ?? failedReason);
  }

  /** Threads that take items. */
  get threads(): number {
    return this.#workers.count + (this.#callerWorks ? 1 : 0);
  }

  #view(): Int32Array {
    this.#knownBytes = this.heap.memory.buffer.byteLength;
    return new Int32Array(this.heap.memory.buffer);
  }

  /** @throws Disposed, or ThreadFailed where a worker was lost */
  requireAlive(): void {
    if (this.#isDisposed) {
      const fix = "acquire a new device";
      throw new Disposed({ place: "WebAssembly threads", expected: "a live pool", got: "a disposed one", fix });
    }
    const reason = this.#workers.lostReason;
    if (reason !== undefined) throw threadFailure(reason);
  }

  /** Runs an action behind all that was requested before: never between two items of a run. */
  inTurn<T>(action: () => T | Promise<T>): Promise<T> {
    const result = this.#last.then(action);
    this.#waiting++;
    this.#last = result.then(
      () => void this.#waiting--,
      () => void this.#waiting--,
    );
    return result;
  }

  /**
   * Lets every thread have kernels: exports with the signature (args, item, scratch, turn) of modules that import `memoryImport`.
   * @returns their handles, in the order of the modules and their names
   */
  async addKernels(modules: readonly KernelModule[]): Promise<KernelHandle[]> {
    const { handles, told } = this.#addKernels(modules);
    await told;
    return handles;
  }

  /** The same for the caller at once: `runAlone` may use them, and runs that are requested later. */
  addKernelsNow(modules: readonly KernelModule[]): KernelHandle[] {
    const { handles, told } = this.#addKernels(modules);
    told.catch(() => {}); // the next run throws it
    return handles;
  }

  #addKernels(added: readonly KernelModule[]): { handles: KernelHandle[]; told: Promise<void> } {
    const { kernels } = this.#thread;
    let next = kernels.length;
    const modules = added.map((own) => ({ ...own, numbers: own.names.map(() => this.#freeNumbers.pop() ?? next++) }));
    addTo(kernels, modules, this.heap.memory);
    const handles = modules.flatMap(({ numbers }) => numbers.map((index) => ({ index })));
    const told = this.inTurn(() => {
      this.requireAlive();
      return this.#tellWorkers(modules);
    });
    return { handles, told };
  }

  /** Gives kernels back that no run uses any more: later ones take their places. */
  releaseKernels(handles: readonly KernelHandle[]): void {
    this.#freeNumbers.push(...handles.map(({ index }) => index));
  }

  /** Wakes all workers for a message: the closed cursor gets another number. */
  async #tellWorkers(modules: readonly Modules[]): Promise<void> {
    this.#thread.words = this.#view();
    if (this.#workers.count === 0) return;
    const { words, control } = this.#thread;
    Atomics.add(words, control + place.messages, 1);
    setCursor(this.#thread, (this.#nextNumber() << itemBits) | closed);
    await this.#workers.tell({ modules });
  }

  /** Number that no phase has had lately. */
  #nextNumber(): number {
    const { words, control } = this.#thread;
    return ((Atomics.load(words, control + place.cursor) >>> itemBits) + 1) & phaseMask;
  }

  /**
   * Runs the phases of a program `turns` times. Runs take their turns.
   * @returns when all is done
   * @throws ThreadFailed where a worker has ended, or a kernel has failed
   */
  run(program: Program, turns = 1): Promise<void> {
    return this.inTurn(async () => {
      this.requireAlive();
      if (program.phases.length * turns === 0) return;
      if (program.phases.length * turns > phaseMask) throw new Error(`pool: ${turns} turns are too many at once`);
      if (this.#callerWorks) await this.pauseIfDue();
      if (this.#knownBytes !== this.heap.memory.buffer.byteLength) await this.#tellWorkers([]);
      const start = (): void => this.#start(program, turns);
      if (this.#callerWorks) {
        start();
        await this.#work();
      } else await this.#workers.untilClosed(start);
      await this.#requireNoFailure();
    });
  }

  /** The caller's view of memory: another task may have made it grow, which takes away the one before. */
  #renewView(): void {
    this.#thread.words = new Int32Array(this.heap.memory.buffer);
  }

  #start({ phases, address }: Program, turns: number): void {
    this.#renewView();
    const { words, control } = this.#thread;
    const number = this.#nextNumber();
    words[control + place.phases] = address / 4;
    words[control + place.phaseCount] = phases.length;
    words[control + place.firstPhase] = number;
    words[control + place.turns] = turns;
    words[control + place.failed] = 0;
    words[control + place.tellsEnd] = this.#callerWorks ? 0 : 1;
    setCursor(this.#thread, number << itemBits);
  }

  async #work(): Promise<void> {
    while (takeItems(this.#thread, patienceMs, this.#pauseMs) === "waiting") {
      await this.pause();
      this.requireAlive();
      this.#renewView();
    }
  }

  /** Lets other tasks have their turn, where they are due. */
  async pauseIfDue(): Promise<void> {
    if (performance.now() > this.#pauseMs) await this.pause();
  }

  async pause(): Promise<void> {
    await nextTask();
    this.#pauseMs = performance.now() + patienceMs;
  }

  async #requireNoFailure(): Promise<void> {
    this.#renewView();
    const { words, control } = this.#thread;
    if (Atomics.load(words, control + place.failed) === 0) return;
    const cause = this.#callerError ?? (await this.#workers.kernelError());
    this.#callerError = undefined;
    throw threadFailure(String(cause), cause);
  }

  /**
   * Runs a program in this thread alone, at once: where waking others would take longer. Not while a run is under way.
   * @throws ThreadFailed where a kernel has failed
   */
  runAlone({ phases }: Pick<Program, "phases">, turns = 1): void {
    this.requireAlive();
    const { kernels, scratch } = this.#thread;
    try {
      for (let turn = 0; turn < turns; turn++) {
        for (const { items, calls } of phases) {
          for (let item = 0; item < items; item++) {
            for (const { kernel, args } of calls) kernels[kernel.index]!(args, item, scratch, turn);
          }
        }
      }
    } catch (error) {
      throw threadFailure(String(error), error);
    }
  }

  /** Whether nothing is under way. */
  get isIdle(): boolean {
    return this.#waiting === 0;
  }

  /** Resolves when nothing that was requested so far is under way: memory that it uses may then be freed. */
  async whenIdle(): Promise<void> {
    await this.#last;
  }

  /** Ends all threads, whatever is under way. Safe to call twice. @returns when they are gone */
  async dispose(): Promise<void> {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    await this.#workers.terminate();
    for (const address of this.#allocated) this.heap.release(address);
  }
}
