// WebGPU in Node: Dawn on the machine's own GPU, else Dawn on SwiftShader, the software Vulkan driver inside Chrome.

import { existsSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isSoftware } from "../backend/webgpu/adapter.ts";
import { patienceMs, soon } from "../backend/waits.ts";
import { findSwiftShader, hasVulkanDriver } from "./vulkanDrivers.ts";

type Dawn = typeof import("webgpu");
export type AdapterKind = "hardware" | "software";
export type OpenedGpu = { gpu: GPU; adapterKind: AdapterKind } | { gpu: undefined; reason: string };

export interface OpenGpuOptions {
  /** "allow" (default): software where there is no hardware; "only": software even where there is hardware. */
  software?: "never" | "allow" | "only";
}

const noDawn = "Node: the optional package webgpu is not installed; run `npm install webgpu`";
const noHardware = "Node: no hardware adapter; install the GPU's Vulkan driver, or use the device software";
const noSwiftShader =
  "Node: no SwiftShader to run without a GPU; install Chrome or Chromium, or set PUPPETEER_EXECUTABLE_PATH to one";

// A Dawn instance that is garbage-collected with work pending ends the process: each one is kept for ever, and shared.
const keeper = globalThis as typeof globalThis & { thalwegDawn?: Map<string, Promise<OpenedGpu>> };
const opened = (keeper.thalwegDawn ??= new Map());

/** Returns Dawn's `GPU` object, the same one on every call, or the reason why there is none. */
export function openGpu({ software = "allow" }: OpenGpuOptions = {}): Promise<OpenedGpu> {
  const known = opened.get(software);
  if (known) return known;
  const opening = open(software);
  opened.set(software, opening);
  const forget = (): void => void opened.delete(software); // the next call may find one
  opening.then(({ gpu }) => void (gpu ?? forget()), forget);
  return opening;
}

async function open(software: "never" | "allow" | "only"): Promise<OpenedGpu> {
  const dawn = await loadDawn();
  if (typeof dawn === "string") return { gpu: undefined, reason: dawn };
  const native = software === "only" ? undefined : await openNative(dawn);
  if (native?.gpu && (native.adapterKind === "hardware" || software === "allow")) return native;
  return software === "never" ? { gpu: undefined, reason: noHardware } : openSwiftShader(dawn);
}

/** WebGPU's constants as globals, for those who bring a device of their own; without the package they must set them. */
export async function defineGlobals(): Promise<void> {
  await loadDawn();
}

/** Computed, so that bundlers do not inline the package: it must stay beside its native library. */
const dawnPackage = ["web", "gpu"].join("");

/** The package, or why it did not load. Its constants (GPUBufferUsage …) become globals, as in a browser. */
async function loadDawn(): Promise<Dawn | string> {
  try {
    const dawn = (await import(/* @vite-ignore */ dawnPackage)) as Dawn;
    for (const [name, value] of Object.entries(dawn.globals)) {
      if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    }
    return dawn;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === "ERR_MODULE_NOT_FOUND" ? noDawn : `Node: the package webgpu did not load: ${message}`;
  }
}

async function openNative(dawn: Dawn): Promise<OpenedGpu> {
  if (!hasVulkanDriver()) return { gpu: undefined, reason: noHardware };
  const XDG_RUNTIME_DIR = process.env.XDG_RUNTIME_DIR ?? tmpdir(); // Mesa's drivers complain when it is unset
  return withEnvironment({ XDG_RUNTIME_DIR }, () => probe(dawn.create([]), noHardware));
}

async function openSwiftShader(dawn: Dawn): Promise<OpenedGpu> {
  const driver = findSwiftShader();
  if (!driver) return { gpu: undefined, reason: noSwiftShader };
  preloadVulkan(dirname(driver));
  const failed = `Node: Dawn found no adapter in ${driver}; install the Vulkan loader (Debian: apt-get install libvulkan1)`;
  const drivers = { VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver };
  return withEnvironment(drivers, () => probe(dawn.create(["backend=vulkan"]), failed));
}

async function probe(gpu: GPU, reason: string): Promise<OpenedGpu> {
  try {
    const adapter = await soon("requestAdapter", gpu.requestAdapter(), patienceMs.opening);
    if (!adapter) return { gpu: undefined, reason };
    return { gpu, adapterKind: isSoftware(adapter.info) ? "software" : "hardware" };
  } catch (error) {
    return { gpu: undefined, reason: `Node: Dawn found no adapter: ${String(error)}` };
  }
}

/** Sets variables only while the driver is chosen, so that a Chrome started later is not steered by them. */
async function withEnvironment<T>(variables: Record<string, string>, action: () => Promise<T>): Promise<T> {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  try {
    return await action();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

/**
 * Loads the Vulkan loader that Chrome carries, for machines that have none: Dawn then finds it by its name.
 * It is no Node addon, so dlopen throws, but RTLD_NODELETE (0x1000) has kept it in memory.
 */
function preloadVulkan(folder: string): void {
  const loader = join(folder, "libvulkan.so.1");
  if (process.platform !== "linux" || !existsSync(loader)) return;
  try {
    process.dlopen({ exports: {} }, loader, constants.dlopen.RTLD_NOW | 0x1000);
  } catch {
    // expected, see above
  }
}
