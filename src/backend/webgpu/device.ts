import { GpuLost, GpuOutOfMemory, ShaderFailed, type ThalwegError } from "../../errors.ts";
import type { AcquireOptions, Device, DeviceChoice, DeviceDetails, Ledger } from "../device.ts";
import type { TensorBackend } from "../tensorBackend.ts";
import { isSoftware, lanesOf, nameOf, requestAdapter, requestDevice } from "./adapter.ts";
import { haveQuads } from "./quads.ts";

/** Floating-point operations of one dispatch that stay below 100 ms on a slow device of the kind; see docs/engine.md. */
const dispatchFlops = { gpu: 1e10, software: 8e7 } as const;

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
  /** Four neighbouring invocations can exchange values: tried when the device was acquired. */
  readonly hasQuads: boolean;
  /** False where "auto" found it: tiny networks may then run in WebAssembly. */
  readonly isRequired: boolean;
  /** Buffers alive and their bytes, counted by `BufferOwner`. */
  readonly ledger: Ledger = { buffers: 0, bytes: 0 };
  /** Created for the first tensor. */
  tensorBackend: TensorBackend | undefined;
  readonly #isOwned: boolean;
  readonly #companions: Device[] = [];
  #isDisposed = false;
  #lost: string | undefined;
  #fault: GPUError | undefined;

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
    gpu.addEventListener("uncapturederror", ({ error }) => (this.#fault ??= error));
    void gpu.lost.then(({ message, reason }) => (this.#lost = `${reason}: ${message || "no message"}`));
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

  /** Awaits GPU work; a failure that came of a lost device, lack of memory or a refused call gets its own error. */
  async settled<T>(place: string, work: Promise<T>): Promise<T> {
    try {
      const value = await work;
      this.throwFault(place);
      return value;
    } catch (error) {
      await Promise.resolve();
      this.throwFault(place, error);
      throw error;
    }
  }

  /** Throws what went wrong on the device outside of any call. */
  throwFault(place: string, cause?: unknown): void {
    if (this.#lost !== undefined) {
      const fix = "acquire a device again and go on from the last parameters that were read";
      throw new GpuLost({ place, expected: "a working GPU device", got: `a lost one (${this.#lost})`, fix, cause });
    }
    const fault = this.#fault;
    if (!fault) return;
    // A lack of memory is over once told; after a refused call no result can be trusted any more.
    if (fault instanceof GPUOutOfMemoryError) this.#fault = undefined;
    throw faultOf(place, fault);
  }

  /**
   * Creates something and waits for the device's word on it: a lack of memory or a refused call is thrown here, and what was
   * created is freed by `discard`.
   */
  async checked<T>(place: string, create: () => T, discard: (created: T) => void): Promise<T> {
    this.throwFault(place);
    const { value, scopes } = this.#scoped(create);
    try {
      const errors = await this.settled(place, scopes);
      const error = errors.find((candidate) => candidate !== null);
      if (error) throw faultOf(place, error);
      return value;
    } catch (error) {
      discard(value);
      throw error;
    }
  }

  /** Runs `create` within error scopes, which end even if it throws: an open one would hide every later error. */
  #scoped<T>(create: () => T): { value: T; scopes: Promise<(GPUError | null)[]> } {
    this.gpu.pushErrorScope("validation");
    this.gpu.pushErrorScope("out-of-memory");
    const pop = (): Promise<(GPUError | null)[]> => Promise.all([this.gpu.popErrorScope(), this.gpu.popErrorScope()]);
    try {
      const value = create();
      return { value, scopes: pop() };
    } catch (error) {
      pop().catch(() => {}); // what was created is incomplete, and its owner frees it
      throw error;
    }
  }

  /** Takes charge of a device that was opened beside this one: it ends with it. */
  accompany(companion: Device): void {
    if (this.#isDisposed) companion.dispose();
    else this.#companions.push(companion);
  }

  /** Destroys the device, unless it was handed in. */
  dispose(): void {
    this.#isDisposed = true;
    for (const companion of this.#companions.splice(0)) companion.dispose();
    if (this.#isOwned) this.gpu.destroy();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function faultOf(place: string, error: GPUError): ThalwegError {
  const got = error.message.split("\n")[0]!.slice(0, 300);
  if (error instanceof GPUOutOfMemoryError) {
    const fix = "take a smaller batch, fewer members or smaller layers";
    return new GpuOutOfMemory({ place, expected: "enough GPU memory", got, fix, cause: error });
  }
  const fix = "please report this with the output of `thalweg doctor`";
  return new ShaderFailed({ place, expected: "calls that the device accepts", got, fix, cause: error });
}

/** Opens the adapter of the kind asked for. @returns why there is none, in one line */
export async function openAdapter(
  gpu: GPU,
  choice: DeviceChoice,
  options: AcquireOptions,
): Promise<GpuDevice | string> {
  const wantsSoftware = choice === "software";
  // Not every implementation honours forceFallbackAdapter: the plain adapter may be the software one.
  const adapter =
    (await requestAdapter(gpu, wantsSoftware)) ?? (wantsSoftware ? await requestAdapter(gpu, false) : null);
  if (!adapter) return options.reason ?? "WebGPU found no adapter: none is installed, or the browser blocks it";
  const kind = isSoftware(adapter.info) ? "software" : "gpu";
  const wanted = choice === "auto" ? "gpu" : choice;
  if (kind !== wanted) return `the only adapter is ${nameOf(adapter.info)}, a ${kind} one`;
  const { maxBufferBytes } = options;
  return ownerOf(await requestDevice(adapter), { isOwned: true, isRequired: choice !== "auto", maxBufferBytes });
}

/** Wraps a WebGPU device, after the probe for quads. */
export async function ownerOf(gpu: GPUDevice, options: Omit<GpuDeviceOptions, "hasQuads">): Promise<GpuDevice> {
  return new GpuDevice(gpu, { ...options, hasQuads: await haveQuads(gpu) });
}
