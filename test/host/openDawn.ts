// Dawn with toggles that tests choose, on the driver that `openGpu` takes.

import { create } from "webgpu";
import { findSwiftShader, hasVulkanDriver } from "../../src/node/vulkanDrivers.ts";
import { compilesSooner } from "./dawnToggles.mjs";

/** An instance that is garbage-collected with work pending ends the process: each is kept for ever, for all files of a worker. */
const keeper = globalThis as typeof globalThis & { thalwegTestDawn?: Map<string, GPU> };
const kept = (keeper.thalwegTestDawn ??= new Map());

/** @param toggles as Dawn takes them, such as `enable-dawn-features=disable_robustness` */
export async function openDawn(...toggles: string[]): Promise<GPU> {
  const known = kept.get(toggles.join());
  if (known) return known;
  const usesSwiftShader = process.env.THALWEG_ADAPTER === "only" || !hasVulkanDriver();
  const driver = usesSwiftShader ? findSwiftShader() : undefined;
  const before = { ...process.env };
  if (driver) Object.assign(process.env, { VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver });
  try {
    const gpu = create(driver ? ["backend=vulkan", compilesSooner, ...toggles] : toggles);
    await gpu.requestAdapter(); // loads the driver
    kept.set(toggles.join(), gpu);
    return gpu;
  } finally {
    for (const name of ["VK_ICD_FILENAMES", "VK_DRIVER_FILES"]) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
}
