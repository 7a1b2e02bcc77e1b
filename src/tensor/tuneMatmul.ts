import { InvalidInput, requireOptions } from "../errors.ts";
import type { Device } from "../backend/device.ts";
import type { MatmulTuning, TuningCache } from "../backend/tuning.ts";
import { backendOf } from "./storage.ts";

export interface TuneOptions {
  /** Cache of tuning times between runs: `tuningDatabase()`, `tuningFile(path)` or your own; default: none. */
  readonly cache?: TuningCache;
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
  const backend = backendOf("tuneMatmul", device);
  requireOptions("tuneMatmul", options, ["cache"]);
  requireCache(options.cache);
  return (await backend.tuneMatmul(options.cache)) ?? untuned();
}

/** Of a device that has one way to compute a product. */
const untuned = (): MatmulTuning => ({
  isOn: false,
  settled: () => Promise.resolve(),
  entries: () => [],
  dispose() {},
  [Symbol.dispose]() {},
});
