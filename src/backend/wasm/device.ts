import { Companions } from "../companions.ts";
import type { Device, DeviceDetails, Ledger } from "../device.ts";
import type { TensorBackend } from "../tensorBackend.ts";
import { Heap } from "./heap.ts";
import { KernelCache } from "./kernelCache.ts";
import { matmulScratchBytes } from "./matmulBlock.ts";
import { ThreadPool } from "./pool.ts";
import { hasRelaxedSimd } from "./support.ts";
import type { WasmTensorBackend } from "./tensorBackend.ts";
import { coreCount, hasThreads } from "./workerHost.ts";

interface Opened {
  readonly heap: Heap;
  readonly pool: ThreadPool;
  readonly fallbackReason: string;
  readonly backend: typeof WasmTensorBackend;
}

/** The CPU as a machine for f32 vectors: one memory, and threads over it. */
export class WasmDevice implements Device {
  readonly kind = "wasm";
  readonly name: string;
  readonly ledger: Ledger = { buffers: 0, bytes: 0 };
  readonly fallbackReason: string | undefined;
  readonly heap: Heap;
  readonly pool: ThreadPool;
  /** Of networks. */
  readonly kernels: KernelCache;
  /** Tensors are made at once, so what computes them is there when the device is. */
  readonly tensorBackend: TensorBackend;
  readonly #companions = new Companions();

  private constructor({ heap, pool, fallbackReason, backend }: Opened) {
    this.heap = heap;
    this.pool = pool;
    this.kernels = new KernelCache(pool);
    this.fallbackReason = fallbackReason;
    const threads = pool.threads === 1 ? "1 thread" : `${pool.threads} threads`;
    this.name = `CPU, WebAssembly SIMD, ${threads}`;
    this.tensorBackend = new backend(this) as TensorBackend;
  }

  /**
   * Starts the threads.
   * @param fallbackReason why this is no hardware GPU
   * @param threads default: as many as there are processors
   */
  static async open(fallbackReason: string, threads = coreCount()): Promise<WasmDevice> {
    const heap = new Heap({ isShared: threads > 1 && hasThreads() });
    const [pool, { WasmTensorBackend }] = await Promise.all([
      ThreadPool.open({ heap, threads, scratchBytes: matmulScratchBytes }),
      import("./tensorBackend.ts"),
    ]);
    return new WasmDevice({ heap, pool, fallbackReason, backend: WasmTensorBackend });
  }

  details(): DeviceDetails {
    const features = ["simd", ...(hasRelaxedSimd() ? ["relaxed-simd"] : [])];
    return { adapter: {}, limits: { threads: this.pool.threads }, features };
  }

  get isDisposed(): boolean {
    return this.#companions.isDisposed;
  }

  accompany(companion: Device): void {
    this.#companions.add(companion);
  }

  /** Ends the threads. */
  dispose(): void {
    this.#companions.dispose();
    void this.pool.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
