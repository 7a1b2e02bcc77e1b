import { Companions } from "../companions.ts";
import type { Device, DeviceDetails, Ledger } from "../device.ts";
import type { TensorBackend } from "../tensorBackend.ts";
import { loadWanted, wasmTensorBackend } from "../tensorCode.ts";
import { Heap } from "./heap.ts";
import { KernelCache } from "./kernelCache.ts";
import { matmulScratchBytes } from "./matmulScratch.ts";
import { ThreadPool } from "./pool.ts";
import { hasRelaxedSimd } from "./support.ts";
import { coreCount, hasThreads } from "./workerHost.ts";

interface Opened {
  readonly heap: Heap;
  readonly pool: ThreadPool;
  readonly fallbackReason: string;
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
  readonly #companions = new Companions();
  #tensorBackend: TensorBackend | undefined;

  private constructor({ heap, pool, fallbackReason }: Opened) {
    this.heap = heap;
    this.pool = pool;
    this.kernels = new KernelCache(pool);
    this.fallbackReason = fallbackReason;
    const threads = pool.threads === 1 ? "1 thread" : `${pool.threads} threads`;
    this.name = `CPU, WebAssembly SIMD, ${threads}`;
  }

  /**
   * Starts the threads.
   * @param fallbackReason why this is no hardware GPU
   * @param threads default: as many as there are processors
   */
  static async open(fallbackReason: string, threads = coreCount()): Promise<WasmDevice> {
    const heap = new Heap({ isShared: threads > 1 && hasThreads() });
    const opening = ThreadPool.open({ heap, threads, scratchBytes: matmulScratchBytes });
    const [pool] = await Promise.all([opening, loadWanted()]);
    return new WasmDevice({ heap, pool, fallbackReason });
  }

  /** Undefined where tensors were not imported before the device was acquired. */
  get tensorBackend(): TensorBackend | undefined {
    const Backend = wasmTensorBackend();
    if (Backend) this.#tensorBackend ??= new Backend(this) as TensorBackend;
    return this.#tensorBackend;
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
