import { readStretches } from "./bufferOwner.ts";
import type { GpuDevice } from "./device.ts";

/** Encodes the dispatches of one pass. */
export type EncodePass = (pass: GPUComputePassEncoder) => void;

/**
 * GPU time of compute passes, from timestamps at their begin and end. Implementations quantise timestamps (Dawn to
 * 65,536 ns): encode work many times over until a pass takes far longer than that.
 */
export class Profiler {
  readonly #device: GpuDevice;
  readonly #capacity: number;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;

  /** @param capacity passes that one `time` may take */
  constructor(device: GpuDevice, capacity: number) {
    const { gpu } = device;
    const count = 2 * capacity;
    this.#device = device;
    this.#capacity = capacity;
    this.#queries = gpu.createQuerySet({ label: "profile", type: "timestamp", count });
    const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
    this.#resolved = gpu.createBuffer({ label: "profile", size: 8 * count, usage });
  }

  /** Whether the device offers timestamps. */
  static canProfile(device: GpuDevice): boolean {
    return device.gpu.features.has("timestamp-query");
  }

  /** Runs each of `passes` as a pass of its own, all in one submit. @returns nanoseconds of each pass */
  async time(passes: readonly EncodePass[]): Promise<bigint[]> {
    if (passes.length > this.#capacity) throw new RangeError(`profile: ${passes.length} passes of ${this.#capacity}`);
    const { gpu } = this.#device;
    const encoder = gpu.createCommandEncoder({ label: "profile" });
    for (const [index, encode] of passes.entries()) {
      const range = { beginningOfPassWriteIndex: 2 * index, endOfPassWriteIndex: 2 * index + 1 };
      const pass = encoder.beginComputePass({ timestampWrites: { querySet: this.#queries, ...range } });
      encode(pass);
      pass.end();
    }
    encoder.resolveQuerySet(this.#queries, 0, 2 * passes.length, this.#resolved, 0);
    this.#device.submit("profile", encoder);
    const stretch = { buffer: this.#resolved, first: 0, length: 4 * passes.length };
    const stamps = new BigUint64Array(await readStretches(this.#device, "profile", [stretch]));
    return passes.map((_, index) => stamps[2 * index + 1]! - stamps[2 * index]!);
  }

  dispose(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
  }
}
