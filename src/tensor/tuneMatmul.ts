import { InvalidInput, requireOptions } from "../errors.ts";
import type { Device } from "../backend/device.ts";
import { GpuDevice } from "../backend/webgpu/device.ts";
import type { TunedMatmul, TuningCache } from "../backend/webgpu/tensor/matmulBuckets.ts";
import { MatmulTable } from "../backend/webgpu/tensor/matmulTuning.ts";
import { requireDevice } from "./storage.ts";

export type { TunedMatmul, TuningCache };

export interface TuneOptions {
  /** Where times are kept from one start to the next: `tuningDatabase()`, `tuningFile(path)` or one of your own; default: nowhere. */
  readonly cache?: TuningCache;
}

/** The tuning of a device. */
export interface MatmulTuning {
  /** False when it was disposed of, or has ended because the device was lost or refused something; and on the CPU. */
  readonly isOn: boolean;
  /** Resolves when everything met so far has been measured and written to the cache, or when tuning has ended. */
  settled(): Promise<void>;
  /** What is known of products of about one shape: times of the variants, and the one that is taken. */
  entries(): readonly TunedMatmul[];
  /** Ends it: products are computed as they are without, nothing is held any more. May be called again. */
  dispose(): void;
  [Symbol.dispose](): void;
}

function requireCache(cache: TuningCache | undefined): void {
  if (cache === undefined) return;
  if (typeof cache?.read === "function" && typeof cache.write === "function") return;
  const fix = "pass tuningDatabase(), tuningFile(path), or an object with these functions";
  const expected = "an object with functions read and write";
  throw new InvalidInput({ place: "tuneMatmul: cache", expected, got: String(cache), fix });
}

/**
 * Lets `matmul` on a device take the kernel that was fastest there for matrices of about the same shape, rather than the one that
 * should be. Results are the same, bit for bit. A shape that is met for the first time is computed as always, without waiting, and
 * measured when the device has nothing else to do; nothing that goes wrong with that reaches a computation.
 * @returns when the cache has been read
 * @throws InvalidInput where the device's products are being tuned already
 */
export async function tuneMatmul(device: Device, options: TuneOptions = {}): Promise<MatmulTuning> {
  requireDevice("tuneMatmul", device);
  requireOptions("tuneMatmul", options, ["cache"]);
  requireCache(options.cache);
  if (!(device instanceof GpuDevice)) return untuned();
  const table = new MatmulTable(device, options.cache);
  if (!table.isOn) {
    const fix = "dispose of the tuning that is on, or go on with it";
    throw new InvalidInput({ place: "tuneMatmul", expected: "a device that is not tuned", got: "one that is", fix });
  }
  await table.load();
  return tuningOf(table);
}

const tuningOf = (table: MatmulTable): MatmulTuning => ({
  get isOn() {
    return table.isOn;
  },
  settled: () => table.settled(),
  entries: () => table.entries(),
  dispose: () => table.dispose(),
  [Symbol.dispose]: () => table.dispose(),
});

/** The CPU has one way to compute a product. */
const untuned = (): MatmulTuning => ({
  isOn: false,
  settled: () => Promise.resolve(),
  entries: () => [],
  dispose() {},
  [Symbol.dispose]() {},
});
