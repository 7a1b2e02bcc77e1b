import { KernelRefused, ThalwegError } from "../../errors.ts";
import type { AcquireOptions, Device, DeviceChoice, DeviceDetails, Ledger } from "../device.ts";
import { Companions } from "../companions.ts";
import type { StrategyName } from "../executor.ts";
import type { TensorBackend } from "../tensorBackend.ts";
import { isSoftware, lanesOf, nameOf, requestAdapter, requestDevice } from "./adapter.ts";
import { withinScopes } from "./errorScopes.ts";
import { describeError, faultOf, lostFault } from "./gpuFaults.ts";
import { adapterHasQuads, haveQuads } from "./quads.ts";
import { patienceMs, Waits } from "../waits.ts";

/** Floating-point operations of one dispatch that stay below 100 ms on a slow device of the kind; see docs/engine.md. */
const dispatchFlops = { gpu: 1e10, software: 8e7 } as const;

/** A rejection may come before the word that the device is lost: how long that is waited for. */
const lostNewsMs = 200;

interface GpuDeviceOptions {
  readonly isOwned: boolean;
  readonly isRequired: boolean;
  readonly maxBufferBytes: number | undefined;
  readonly hasQuads: boolean;
}

/** The one owner of a GPUDevice: ledger of buffers, cache of kernels, errors with names. */
export class GpuDevice implements Device {
  readonly kind: "gpu" | "software";
  readonly name: string;
  readonly fallbackReason: string | undefined;
  readonly gpu: GPUDevice;
  /** Largest buffer and binding, bytes. */
  readonly maxBufferBytes: number;
  readonly dispatchFlops: number;
  /** Workgroup memory of a kernel, bytes. */
  readonly maxWorkgroupBytes: number;
  /** Lanes of every subgroup; undefined where there are none, or of several sizes. */
  readonly subgroupLanes: number | undefined;
  /** Four neighbouring invocations can exchange values: tried when the device, or the first of its adapter, was acquired. */
  readonly hasQuads: boolean;
  /** Kernels that the driver refused to compile and that are not used any more (strategies, scores of many members, variants of matmul), with the reason. */
  readonly refusals = new Map<StrategyName | "scores" | "variants", string>();
  /** False where "auto" found it: tiny networks may then run in WebAssembly. */
  readonly isRequired: boolean;
  /** Buffers alive and their bytes, counted by `BufferOwner`. */
  readonly ledger: Ledger = { buffers: 0, bytes: 0 };
  /** Created for the first tensor. */
  tensorBackend: TensorBackend | undefined;
  /** Time to wait for an answer before the device counts as lost. */
  patienceMs: number;
  isSilent = false;
  isHurried = false;
  readonly #isOwned: boolean;
  readonly #companions = new Companions();
  readonly #waits = new Waits();
  #lost: string | undefined;
  readonly #lostListeners = new Set<() => void>();
  #fault: unknown;
  /** Resolves when the device has reported on every call so far. */
  #told: Promise<unknown> = Promise.resolve();
  #scopes = 0;

  constructor(gpu: GPUDevice, options: GpuDeviceOptions) {
    const { adapterInfo, limits } = gpu;
    this.gpu = gpu;
    this.kind = isSoftware(adapterInfo) ? "software" : "gpu";
    this.name = nameOf(adapterInfo);
    this.fallbackReason =
      this.kind === "gpu" ? undefined : "no hardware adapter was used: WebGPU computes on the CPU here";
    this.dispatchFlops = dispatchFlops[this.kind];
    const largest = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
    this.maxBufferBytes = Math.min(largest, options.maxBufferBytes ?? largest);
    this.maxWorkgroupBytes = limits.maxComputeWorkgroupStorageSize;
    this.subgroupLanes = lanesOf(gpu);
    this.hasQuads = options.hasQuads;
    this.isRequired = options.isRequired;
    this.#isOwned = options.isOwned;
    this.patienceMs = patienceMs[this.kind];
    const self = new WeakRef(this); // a device that the caller passed in outlives this object
    void gpu.lost.then(({ message, reason }) => self.deref()?.lose(`${reason}: ${message || "no message"}`));
  }

  get isPlain(): boolean {
    return this.refusals.has("variants");
  }

  /**
   * Does without what the driver refused.
   * @throws the error, where it is another one, or there is nothing else to take
   */
  doWithout(what: StrategyName | "scores", error: unknown): void {
    const refused = what === "layered" ? "variants" : what;
    if (!(error instanceof KernelRefused) || this.refusals.has(refused)) throw error;
    this.refusals.set(refused, error.fault.got.slice(0, 120));
  }

  details(): DeviceDetails {
    const { adapterInfo, limits, features } = this.gpu;
    const names = ["vendor", "architecture", "device", "description"] as const;
    const adapter = Object.fromEntries(names.map((name) => [name, adapterInfo[name]]));
    const figures: Record<string, number> = {};
    for (const name in limits) {
      const value: unknown = limits[name as keyof GPUSupportedLimits];
      if (typeof value === "number") figures[name] = value;
    }
    return { adapter, limits: figures, features: [...features].toSorted() };
  }

  /** From now on all calls and pending waits reject with `GpuLost`. */
  lose(why: string): void {
    if (this.#lost !== undefined) return;
    this.#lost = why;
    this.#waits.end(lostFault("GPU", why));
    for (const listener of this.#lostListeners) listener();
    this.#lostListeners.clear();
  }

  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  get isDisposed(): boolean {
    return this.#companions.isDisposed;
  }

  hurry(): void {
    this.isHurried = true;
    this.patienceMs = patienceMs.again[this.kind];
  }

  /** Awaits an answer of the GPU; one that does not come makes the device a lost one. */
  answered<T>(work: Promise<T>): Promise<T> {
    if (this.#lost !== undefined) {
      work.catch(() => {}); // nobody waits for it
      return Promise.reject(lostFault("GPU", this.#lost));
    }
    return this.#waits.until(work, this.patienceMs, () => {
      this.isSilent = this.#lost === undefined;
      this.lose(`it has not answered for ${this.patienceMs / 1000} s`);
      if (this.#isOwned) this.gpu.destroy();
    });
  }

  /** Awaits GPU work; a failure that came of a lost device, lack of memory or a refused call gets its own error. */
  async settled<T>(place: string, work: Promise<T>): Promise<T> {
    try {
      const [value] = await this.answered(Promise.all([work, this.#told]));
      this.throwFault(place);
      return value;
    } catch (error) {
      throw await this.#failure(place, error);
    }
  }

  /** Whether the device is lost, as far as it is known in a moment: a rejection may come before the word of it. */
  async turnsOutLost(): Promise<boolean> {
    if (this.#lost !== undefined) return true;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, lostNewsMs);
      this.#lostListeners.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    return this.#lost !== undefined;
  }

  /** Handles a rejected wait: a device that cancels its work counts as lost. */
  async #failure(place: string, error: unknown): Promise<ThalwegError> {
    if (this.#lost === undefined && error instanceof ThalwegError) return error;
    if (!(await this.turnsOutLost())) this.lose(`it cancelled submitted work: ${describeError(error)}`);
    return lostFault(place, this.#lost!, error);
  }

  /** Throws what went wrong on the device outside of any call. */
  throwFault(place: string, cause?: unknown): void {
    if (this.#lost !== undefined) throw lostFault(place, this.#lost, cause);
    const fault = this.#fault;
    if (fault === undefined) return;
    // Out of memory is cleared once reported; after a refused call no result can be trusted.
    if (fault instanceof GPUOutOfMemoryError) this.#fault = undefined;
    throw faultOf(place, fault);
  }

  /**
   * Creates something and waits for the device's word on it: a lack of memory or a refused call is thrown here, and what was
   * created is freed by `discard`.
   */
  async checked<T>(place: string, create: () => T, discard: (created: T) => void): Promise<T> {
    this.throwFault(place);
    let value: T;
    let errors: Promise<GPUError | null>;
    try {
      ({ value, errors } = this.scoped(create));
    } catch (error) {
      throw faultOf(place, error);
    }
    try {
      const error = await this.settled(place, errors);
      if (error) throw faultOf(place, error);
      return value;
    } catch (error) {
      discard(value);
      throw error;
    }
  }

  /**
   * Makes calls whose result is not waited for: their errors are reported by the next `settled` or `throwFault`.
   * Errors of whoever else uses the device are none of ours.
   */
  guarded<T>(place: string, calls: () => T): T {
    if (this.#scopes > 0) return calls(); // within those of a caller
    const { value, errors } = this.recorded(place, () => this.scoped(calls));
    const note = errors.then(
      (error) => void (this.#fault ??= error ?? undefined),
      (error: unknown) => this.#failure(place, error),
    );
    this.#told = Promise.all([this.#told, note]);
    return value;
  }

  /** Makes calls that only record: where one throws, what was recorded is not whole, and no result can be trusted any more. */
  recorded<T>(place: string, calls: () => T): T {
    try {
      return calls();
    } catch (error) {
      if (!(error instanceof ThalwegError)) this.#fault ??= error;
      throw faultOf(place, error);
    }
  }

  /**
   * Makes calls within error scopes, which end even if one throws: an open one would hide every later error.
   * @returns with the first error that the device reported
   */
  scoped<T>(calls: () => T): { value: T; errors: Promise<GPUError | null> } {
    this.#scopes++;
    try {
      return withinScopes(this.gpu, calls);
    } finally {
      this.#scopes--;
    }
  }

  /** Hands commands to the device. */
  submit(place: string, encoder: GPUCommandEncoder): void {
    this.guarded(place, () => this.gpu.queue.submit([encoder.finish()]));
  }

  accompany(companion: Device): void {
    this.#companions.add(companion);
  }

  /** Destroys the device, unless the caller passed it in. */
  dispose(): void {
    this.#companions.dispose();
    this.lose("destroyed: the device was disposed");
    if (this.#isOwned) this.gpu.destroy();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Opens the adapter of the requested kind. @returns why there is none, in one line */
export async function openAdapter(
  gpu: GPU,
  choice: DeviceChoice,
  options: AcquireOptions,
): Promise<GpuDevice | string> {
  const wantsSoftware = choice === "software";
  try {
    // Not every implementation honours forceFallbackAdapter: the plain adapter may be the software one.
    const adapter =
      (await requestAdapter(gpu, wantsSoftware)) ?? (wantsSoftware ? await requestAdapter(gpu, false) : null);
    if (!adapter) return options.reason ?? "WebGPU found no adapter: none is installed, or the browser blocks it";
    const kind = isSoftware(adapter.info) ? "software" : "gpu";
    const wanted = choice === "auto" ? "gpu" : choice;
    if (kind !== wanted)
      return `the only adapter, ${nameOf(adapter.info)}, is a ${kind === "software" ? "software" : "hardware"} adapter`;
    const { maxBufferBytes } = options;
    const opened = await requestDevice(adapter);
    return await ownerOf(opened, { isOwned: true, isRequired: choice !== "auto", maxBufferBytes });
  } catch (error) {
    return `WebGPU failed: ${describeError(error)}`;
  }
}

/** Wraps a WebGPU device, once it is known whether it has quads. */
export async function ownerOf(gpu: GPUDevice, options: Omit<GpuDeviceOptions, "hasQuads">): Promise<GpuDevice> {
  const hasQuads = await (options.isOwned ? adapterHasQuads(gpu) : haveQuads(gpu)); // another's device may have been changed
  return new GpuDevice(gpu, { ...options, hasQuads });
}
