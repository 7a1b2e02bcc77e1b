import { InvalidInput, NoDevice, requireOptions } from "../errors.ts";
import { requireName } from "../graph/network.ts";
import { type AcquireOptions, type Device, type DeviceChoice, deviceChoices } from "./device.ts";

/** WebAssembly, whose code is loaded where it is used; or why there is none. */
async function openWasm(reason: string): Promise<Device | string> {
  try {
    const { whyNoWasm } = await import("./wasm/support.ts");
    const why = whyNoWasm();
    if (why !== undefined) return why;
    const { WasmDevice } = await import("./wasm/device.ts");
    return await WasmDevice.open(reason);
  } catch (error) {
    return `WebAssembly could not be started: ${String(error)}`;
  }
}

/** The fastest device without WebGPU. @param reason why there is no other */
async function openCpu(reason: string): Promise<Device> {
  const opened = await openWasm(reason);
  return typeof opened === "string" ? openReference(`${reason}; ${opened}`) : opened;
}

function requireBytes(bytes: number | undefined): void {
  if (bytes === undefined || bytes >= 65_536) return;
  const fix = "leave maxBufferBytes out to use the device's own limit";
  throw new InvalidInput({ place: "acquire: maxBufferBytes", expected: "at least 65536", got: String(bytes), fix });
}

/** The float64 reference, whose code is loaded where it is used. */
async function openReference(reason: string): Promise<Device> {
  const { ReferenceDevice } = await import("./cpu/device.ts");
  return new ReferenceDevice(reason);
}

/**
 * Opens a WebGPU device. Its code is loaded only where there is WebGPU: a page that computes on the CPU does not download it.
 * @returns the reason in one line where there is no such device
 */
async function openGpu(choice: DeviceChoice, options: AcquireOptions): Promise<Device | string> {
  const { gpuDevice, maxBufferBytes, reason, gpu = globalThis.navigator?.gpu } = options;
  if (!gpu && !gpuDevice) return reason ?? "this host has no WebGPU (navigator.gpu is missing)";
  try {
    const { openAdapter, ownerOf } = await import("./webgpu/device.ts");
    if (!gpuDevice) return await openAdapter(gpu!, choice, options);
    const opened = typeof gpuDevice === "function" ? await gpuDevice() : gpuDevice;
    return await ownerOf(opened, { isOwned: false, isRequired: true, maxBufferBytes });
  } catch (error) {
    return `WebGPU could not be opened: ${String(error)}`;
  }
}

/** Options a device was opened with, to reopen it after a loss. */
const openings = new WeakMap<Device, AcquireOptions>();

const handedIn = "it was passed as gpuDevice; pass a function to have it reopened";

async function open(choice: DeviceChoice, options: AcquireOptions): Promise<Device> {
  if (choice === "reference") return openReference("the float64 reference was requested");
  if (choice === "cpu") return openCpu("the CPU was requested");
  const opened = choice === "wasm" ? await openWasm("WebAssembly was requested") : await openGpu(choice, options);
  if (typeof opened !== "string") return opened;
  if (choice === "auto" && !options.gpuDevice) return openCpu(opened);
  const place = `acquire: device ${choice}`;
  const expected = choice === "wasm" ? "WebAssembly with SIMD" : `a ${choice} adapter`;
  throw new NoDevice({ place, expected, got: opened, fix: "use auto to get an available device" });
}

/**
 * Opens a device to compute on: hardware adapter, else WebAssembly, else the float64 reference; or exactly the requested kind.
 * @throws NoDevice when the requested kind does not exist here
 */
export async function acquire(options: AcquireOptions = {}): Promise<Device> {
  requireOptions("acquire", options, ["device", "gpu", "gpuDevice", "maxBufferBytes", "reason"]);
  const choice = options.device ?? "auto";
  requireName("acquire: device", choice, deviceChoices);
  requireBytes(options.maxBufferBytes);
  const device = await open(choice, options);
  openings.set(device, options);
  return device;
}

/** A device like one that was lost, opened as that was. @returns the reason in one line where there is none now */
export async function openAgain(lost: Device): Promise<Device | string> {
  const options = openings.get(lost) ?? {};
  const { device: choice = "auto", gpuDevice } = options;
  if (gpuDevice && typeof gpuDevice !== "function") return handedIn;
  const opened = lost.kind === "wasm" ? await openWasm(lost.fallbackReason!) : await openGpu(choice, options);
  if (typeof opened !== "string") openings.set(opened, options);
  return opened;
}

/** Fallback for a device that cannot be reopened: WebAssembly, or the float64 reference where that was lost. */
export const openInstead = ({ kind }: Device, reason: string): Promise<Device> =>
  kind === "wasm" ? openReference(reason) : openCpu(reason);
