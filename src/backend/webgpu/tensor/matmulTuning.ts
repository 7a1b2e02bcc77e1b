import { InvalidInput } from "../../../errors.ts";
import { nextTask } from "../../../nextTask.ts";
import type { MatmulTuning, TunedMatmul, TuningCache } from "../../tuning.ts";
import type { GpuDevice } from "../device.ts";
import { bucketOf, maxTunedMatmuls, readProducts, tuningKey, writeProducts } from "./matmulBuckets.ts";
import { kernelLoader } from "./kernelLoader.ts";
import { addTuner, matricesOf, type MatmulRequest, type MatmulTuner, removeTuner } from "./matmul.ts";
import { MatmulMeasurement, type MatmulShape, type MatmulTimes, scratchBytes, shapeOf } from "./matmulTimes.ts";
import type { MatmulVariant } from "../matmulVariants.ts";

const maxPending = 256;
const maxScratchBytes = 2 ** 28;
/** Dispatch budgets (device.ts) of a product above which it is not even tried: about 2 s on a slow device. */
const maxBudgets = 20;
/** Time during which nothing was recorded or waited for, before something is measured, and how often it is looked for. */
const quietMs = 20;
const maxLooks = 20;
/** From the begin of one measurement to that of the next at least. */
const leastIntervalMs = 250;
/** A variant must take less than this share of the default variant's time to be chosen, so that noise cannot decide. */
const worthwhile = 0.97;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const fourDigits = (value: number): number => Number(value.toPrecision(4));

function tunedOf(bucket: string, times: MatmulTimes): TunedMatmul {
  const entries = Object.entries(times) as [MatmulVariant, number][];
  const [usual, usualMs] = entries[0]!;
  const [best, bestMs] = entries.reduce((least, each) => (each[1] < least[1] ? each : least));
  const timesMs = Object.fromEntries(entries.map(([variant, ms]) => [variant, fourDigits(ms)]));
  return { bucket, timesMs, variant: bestMs < worthwhile * usualMs ? best : usual };
}

/**
 * Tells the products of a device which variant was fastest for their like. What is met for the first time is noted, computed as
 * usual, and measured when the device has nothing else to do. It never throws into a computation: what goes wrong ends it.
 */
class MatmulTable implements MatmulTuner {
  readonly #device: GpuDevice;
  readonly #cache: TuningCache | undefined;
  readonly #table = new Map<string, TunedMatmul>();
  readonly #pending = new Map<string, MatmulShape>();
  #isOn: boolean;
  #isLoaded = false;
  #asked = 0;
  #lastBegin = Number.NEGATIVE_INFINITY;
  #work: Promise<void> | undefined;
  #measurement: MatmulMeasurement | undefined;

  /** Turns it on, unless the device has another. */
  constructor(device: GpuDevice, cache: TuningCache | undefined) {
    this.#device = device;
    this.#cache = cache;
    this.#isOn = addTuner(device, this);
    void device.gpu.lost.then(() => this.dispose());
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  variantFor(request: MatmulRequest): MatmulVariant | undefined {
    this.#asked++;
    const bucket = bucketOf(request);
    const known = this.#table.get(bucket);
    if (known || this.#pending.has(bucket) || !this.#canTake(request)) return known?.variant;
    this.#pending.set(bucket, shapeOf(request));
    this.#begin();
    return undefined;
  }

  #canTake(request: MatmulRequest): boolean {
    const count = this.#table.size + this.#pending.size;
    if (request.k === 0 || count >= maxTunedMatmuls || this.#pending.size >= maxPending) return false;
    const { m, n, k } = request;
    if (2 * m * n * k * matricesOf(request) > maxBudgets * this.#device.dispatchFlops) return false;
    return scratchBytes(shapeOf(request)).reduce((total, bytes) => total + bytes, 0) <= maxScratchBytes;
  }

  /** Takes over what the cache knows; measures from then on. */
  async load(): Promise<void> {
    for (const product of await this.#read()) this.#table.set(product.bucket, product);
    this.#isLoaded = true;
    this.#begin();
  }

  /** What the cache knows of this adapter and these kernels; nothing where it cannot be read. */
  async #read(): Promise<TunedMatmul[]> {
    try {
      return readProducts(await this.#cache?.read(tuningKey(this.#device)), this.#device);
    } catch {
      return [];
    }
  }

  /** Adds what it knows to what the cache knows by now. A cache that cannot be written loses it, and nothing else. */
  async #save(): Promise<void> {
    if (!this.#cache) return;
    const others = (await this.#read()).filter(({ bucket }) => !this.#table.has(bucket));
    const products = [...this.#table.values(), ...others].slice(0, maxTunedMatmuls);
    try {
      await this.#cache.write(tuningKey(this.#device), writeProducts(products));
    } catch {
      // see above
    }
  }

  #begin(): void {
    if (this.#isOn && this.#isLoaded && this.#pending.size > 0) this.#work ??= this.#run();
  }

  async #run(): Promise<void> {
    try {
      await nextTask(); // the product that has begun this is recorded first
      for (let next = this.#next(); next; next = this.#next()) {
        if (!this.#table.has(next[0])) await this.#tune(...next);
        this.#pending.delete(next[0]);
      }
    } catch {
      this.dispose();
    }
    this.#work = undefined;
  }

  #next(): [string, MatmulShape] | undefined {
    return this.#isOn ? [...this.#pending][0] : undefined;
  }

  async #tune(bucket: string, shape: MatmulShape): Promise<void> {
    await this.#quiet();
    if (!this.#isOn) return;
    this.#lastBegin = performance.now();
    this.#measurement = new MatmulMeasurement(this.#device, shape);
    try {
      const times = await this.#measurement.measure();
      await nextTask(); // a device that was lost meanwhile has ended the tuning by then: its times are none
      if (!this.#isOn) return;
      this.#table.set(bucket, tunedOf(bucket, times));
    } finally {
      this.#measurement.free();
    }
    await this.#save();
  }

  /** Waits for a quiet moment, but not for ever: a program that never pauses is tuned all the same. */
  async #quiet(): Promise<void> {
    await pause(Math.max(0, this.#lastBegin + leastIntervalMs - performance.now()));
    for (let look = 0; look < maxLooks && this.#isOn; look++) {
      const asked = this.#asked;
      await pause(quietMs);
      const begin = performance.now();
      await this.#device.answered(this.#device.gpu.queue.onSubmittedWorkDone());
      if (asked === this.#asked && performance.now() - begin < quietMs) return;
    }
  }

  /** Resolves when nothing is left to measure and all is written, or when tuning has ended. */
  async settled(): Promise<void> {
    while (this.#work) await this.#work;
  }

  /** What is known, the latest last. */
  entries(): TunedMatmul[] {
    return [...this.#table.values()];
  }

  /** Ends the tuning, frees what it holds; products are computed as usual again. May be called again. */
  dispose(): void {
    this.#isOn = false;
    removeTuner(this.#device, this);
    this.#pending.clear();
    this.#measurement?.free();
  }
}

/** Tunes the products of a device. @throws InvalidInput where they are tuned already */
export async function tuneMatmul(device: GpuDevice, cache: TuningCache | undefined): Promise<MatmulTuning> {
  await kernelLoader.load();
  const table = new MatmulTable(device, cache);
  if (!table.isOn) {
    const fix = "use the running tuning, or dispose it first";
    throw new InvalidInput({
      place: "tuneMatmul",
      expected: "a device without a running tuning",
      got: "one with a running tuning",
      fix,
    });
  }
  await table.load();
  return {
    get isOn() {
      return table.isOn;
    },
    settled: () => table.settled(),
    entries: () => table.entries(),
    dispose: () => table.dispose(),
    [Symbol.dispose]: () => table.dispose(),
  };
}
