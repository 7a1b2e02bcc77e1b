// Adapters of WebGPU: what they are, and what is asked of them.

import { patienceMs, soon } from "../waits.ts";

/** Members of adapters' information that came after the types of it were written. */
interface SubgroupInfo {
  readonly subgroupMinSize?: number;
  readonly subgroupMaxSize?: number;
}

export function lanesOf({ features, adapterInfo }: GPUDevice): number | undefined {
  const { subgroupMinSize, subgroupMaxSize }: SubgroupInfo = adapterInfo;
  if (!features.has("subgroups") || subgroupMinSize === undefined) return undefined;
  return subgroupMinSize === subgroupMaxSize ? subgroupMinSize : undefined;
}

export function isSoftware({ architecture, description, isFallbackAdapter }: GPUAdapterInfo): boolean {
  return isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic render/i.test(`${architecture} ${description}`);
}

export function nameOf({ vendor, architecture, description }: GPUAdapterInfo): string {
  const origin = [vendor, architecture].filter(Boolean).join(" ");
  if (description && origin) return `${description} (${origin})`;
  return description || origin || "WebGPU adapter";
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** An adapter may be null for a moment while a browser starts its GPU process; ask a few times before believing it. */
export async function requestAdapter(gpu: GPU, software: boolean): Promise<GPUAdapter | null> {
  for (let attempt = 0; attempt < 3; attempt++) {
    const asked = gpu.requestAdapter({ powerPreference: "high-performance", forceFallbackAdapter: software });
    const adapter = await soon("requestAdapter", asked, patienceMs.opening);
    if (adapter) return adapter;
    await pause(50 * 2 ** attempt);
  }
  return null;
}

/**
 * Larger buffers and more workgroup memory than the default limits, subgroups, f16 and timestamps, where they are offered. No kernel
 * needs more than the defaults (8 storage buffers, 256 invocations): strategies then take smaller tiles and chunks.
 */
export async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize } = adapter.limits;
  const requiredFeatures = (["timestamp-query", "subgroups", "shader-f16"] as const).filter((feature) =>
    adapter.features.has(feature),
  );
  const opening = adapter.requestDevice({
    label: "thalweg",
    requiredFeatures,
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize },
  });
  try {
    return await soon("requestDevice", opening, patienceMs.opening);
  } catch (error) {
    opening.then((late) => late.destroy()).catch(() => {}); // nobody waits for it any more
    throw error;
  }
}
