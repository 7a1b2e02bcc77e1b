import type { ThreadPool } from "./pool.ts";
import type { KernelHandle, KernelOf } from "./program.ts";

/** A module as it is written. */
interface WrittenModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Exported kernels. */
  readonly names: readonly string[];
}

/** Kernels that nobody else replaces until they are released. */
export interface KernelLease {
  readonly kernelOf: KernelOf;
  release(): void;
}

interface Entry {
  readonly keys: readonly unknown[];
  readonly handles: Promise<readonly KernelHandle[]>;
  readonly names: readonly string[];
  users: number;
}

/** Modules that stay compiled though nobody uses them. */
const mostUnused = 32;

/** Compiled modules of a pool by what they were written for: those in use, and the latest of the others. */
export class KernelCache {
  readonly #pool: ThreadPool;
  /** From the earliest used to the latest. */
  #entries: Entry[] = [];

  constructor(pool: ThreadPool) {
    this.#pool = pool;
  }

  /** Modules that are compiled. */
  get size(): number {
    return this.#entries.length;
  }

  /** @param keys what the module depends on @param write called where it is not compiled yet */
  async take(keys: readonly unknown[], write: () => WrittenModule): Promise<KernelLease> {
    const isOwn = (entry: Entry): boolean =>
      entry.keys.length === keys.length && entry.keys.every((key, at) => key === keys[at]);
    const entry = this.#entries.find(isOwn) ?? this.#compile(keys, write());
    this.#entries = [...this.#entries.filter((other) => other !== entry), entry];
    entry.users++;
    let isReleased = false;
    const release = (): void => {
      if (isReleased) return;
      isReleased = true;
      entry.users--;
      this.#dropUnused();
    };
    try {
      const handles = await entry.handles;
      return { kernelOf: (name) => handles[entry.names.indexOf(name)]!, release };
    } catch (error) {
      this.#entries = this.#entries.filter((other) => other !== entry);
      throw error;
    }
  }

  #compile(keys: readonly unknown[], { bytes, names }: WrittenModule): Entry {
    const handles = WebAssembly.compile(bytes).then((module) => this.#pool.addKernels([{ module, names }]));
    return { keys, handles, names, users: 0 };
  }

  #dropUnused(): void {
    const unused = this.#entries.filter(({ users }) => users === 0);
    const dropped = unused.slice(0, Math.max(0, unused.length - mostUnused));
    this.#entries = this.#entries.filter((entry) => !dropped.includes(entry));
    for (const { handles } of dropped)
      void Promise.all([handles, this.#pool.whenIdle()]).then(([own]) => this.#pool.releaseKernels(own));
  }
}
