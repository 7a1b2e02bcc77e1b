import { greatestCommonDivisor } from "./statistics.ts";

// Sees every WebGPU device of this thread, whoever opens it, and can time all its compute passes. Contenders know nothing of it.

/** Begin and end of so many passes fit one query set. */
const maxPasses = 2048;

interface PassQueries {
  readonly queries: GPUQuerySet;
  readonly resolved: GPUBuffer;
  readonly readable: GPUBuffer;
}

/** GPU time of all passes of an action, in nanoseconds. */
export interface PassTimes {
  readonly totalNs: number;
  readonly passes: number;
  /** Greatest common divisor of the distances of all stamps that this thread has seen. */
  readonly resolutionNs: number;
}

function createQueries(device: GPUDevice): PassQueries {
  const size = 16 * maxPasses;
  return {
    queries: device.createQuerySet({ label: "passes", type: "timestamp", count: 2 * maxPasses }),
    resolved: device.createBuffer({ size, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC }),
    readable: device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ }),
  };
}

async function readStamps(device: GPUDevice, { queries, resolved, readable }: PassQueries): Promise<BigUint64Array> {
  const encoder = device.createCommandEncoder();
  encoder.resolveQuerySet(queries, 0, 2 * maxPasses, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, readable, 0, 16 * maxPasses);
  device.queue.submit([encoder.finish()]);
  await readable.mapAsync(GPUMapMode.READ);
  const stamps = new BigUint64Array(readable.getMappedRange().slice(0));
  for (const resource of [queries, resolved, readable]) resource.destroy();
  return stamps;
}

/** Watches the prototypes of WebGPU from the moment it is installed. */
export class GpuClock {
  readonly #devices: GPUDevice[] = [];
  readonly #deviceOf = new WeakMap<GPUCommandEncoder, GPUDevice>();
  #resolutionNs = 0n;
  #firstStamp: bigint | undefined;
  #timed: { readonly device: GPUDevice; readonly queries: GPUQuerySet; passes: number } | undefined;

  /** Call once per thread, before any library opens a device. Does nothing where there is no WebGPU. */
  install(): void {
    if (!("GPUAdapter" in globalThis)) return;
    this.#watchDevices();
    this.#watchPasses();
  }

  #watchDevices(): void {
    const open = GPUAdapter.prototype.requestDevice;
    const devices = this.#devices;
    GPUAdapter.prototype.requestDevice = async function (this: GPUAdapter, options = {}) {
      const wanted = this.features.has("timestamp-query") ? ["timestamp-query" as const] : [];
      const requiredFeatures = [...new Set([...(options.requiredFeatures ?? []), ...wanted])];
      const device = await open.call(this, { ...options, requiredFeatures });
      devices.push(device);
      return device;
    };
    const create = GPUDevice.prototype.createCommandEncoder;
    const deviceOf = this.#deviceOf;
    GPUDevice.prototype.createCommandEncoder = function (this: GPUDevice, options) {
      const encoder = create.call(this, options);
      deviceOf.set(encoder, this);
      return encoder;
    };
  }

  #watchPasses(): void {
    const begin = GPUCommandEncoder.prototype.beginComputePass;
    const writesFor = (encoder: GPUCommandEncoder): GPUComputePassTimestampWrites | undefined => {
      const timed = this.#timed;
      if (!timed || this.#deviceOf.get(encoder) !== timed.device || timed.passes >= maxPasses) return undefined;
      const index = timed.passes++;
      return { querySet: timed.queries, beginningOfPassWriteIndex: 2 * index, endOfPassWriteIndex: 2 * index + 1 };
    };
    GPUCommandEncoder.prototype.beginComputePass = function (this: GPUCommandEncoder, options = {}) {
      const timestampWrites = options.timestampWrites ?? writesFor(this);
      return begin.call(this, timestampWrites ? { ...options, timestampWrites } : options);
    };
  }

  /** `vendor architecture` of the adapters whose devices were opened. */
  get adapters(): string[] {
    const names = this.#devices.map(({ adapterInfo }) => {
      if (!adapterInfo) return "unknown";
      const { vendor, architecture, description } = adapterInfo;
      return [vendor, architecture].filter(Boolean).join(" ") || description || "unknown";
    });
    return [...new Set(names)];
  }

  /** Resolves when every device has done what was submitted to it. */
  async drained(): Promise<void> {
    await Promise.all(this.#devices.map(({ queue }) => queue.onSubmittedWorkDone()));
  }

  /**
   * GPU time of the passes that `action` encodes and waits for, on the device opened last.
   * @returns undefined without timestamps, or where the passes are none or too many for one query set
   */
  async time(action: () => Promise<void>): Promise<PassTimes | undefined> {
    const device = this.#devices.at(-1);
    if (!device?.features.has("timestamp-query")) return undefined;
    const created = createQueries(device);
    const timed = { device, queries: created.queries, passes: 0 };
    this.#timed = timed;
    try {
      await action();
    } finally {
      this.#timed = undefined;
    }
    const { passes } = timed;
    const stamps = await readStamps(device, created);
    if (passes === 0 || passes >= maxPasses) return undefined;
    const durations = Array.from({ length: passes }, (_, index) => stamps[2 * index + 1]! - stamps[2 * index]!);
    const total = durations.reduce((sum, ns) => sum + (ns > 0n ? ns : 0n), 0n);
    const first = (this.#firstStamp ??= stamps[0]!);
    const since = Array.from(stamps.subarray(0, 2 * passes), (stamp) => stamp - first);
    this.#resolutionNs = greatestCommonDivisor([this.#resolutionNs, ...since.map((ns) => (ns < 0n ? -ns : ns))]);
    return { totalNs: Number(total), passes, resolutionNs: Number(this.#resolutionNs) };
  }
}
