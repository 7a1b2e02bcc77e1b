import type { Heap } from "./heap.ts";
import { memoryImport } from "./heap.ts";
import { ModuleBuilder } from "./moduleBuilder.ts";
import type { ThreadPool } from "./pool.ts";
import type { KernelHandle } from "./program.ts";
import { hasRelaxedSimd } from "./support.ts";
import { VectorModule } from "./vectorCode.ts";

/** Writes one kernel. */
type Build = (module: VectorModule) => { readonly index: number };

/** Kernels of a device's tensors, each compiled when it is first needed: at once, since modules are a few KB. */
export class TensorKernels {
  readonly #heap: Heap;
  readonly #pool: ThreadPool;
  readonly #known = new Map<string, readonly KernelHandle[]>();

  constructor(heap: Heap, pool: ThreadPool) {
    this.#heap = heap;
    this.#pool = pool;
  }

  /** The kernel of a key. */
  kernel(key: string, build: Build): KernelHandle {
    const bytesOf = (isShared: boolean): Uint8Array<ArrayBuffer> => {
      const builder = new ModuleBuilder();
      builder.importMemory(memoryImport(isShared));
      builder.export("kernel", build(new VectorModule(builder, hasRelaxedSimd())));
      return builder.encode();
    };
    return this.kernelsOf(key, ["kernel"], bytesOf)[0]!;
  }

  /** Kernels of one module. */
  kernelsOf(
    key: string,
    names: readonly string[],
    bytesOf: (isShared: boolean) => Uint8Array<ArrayBuffer>,
  ): readonly KernelHandle[] {
    const known = this.#known.get(key);
    if (known) return known;
    const module = new WebAssembly.Module(bytesOf(this.#heap.isShared));
    const made = this.#pool.addKernelsNow([{ module, names }]);
    this.#known.set(key, made);
    return made;
  }
}
