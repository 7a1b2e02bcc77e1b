import { isSoftware } from "../../src/backend/webgpu/adapter.ts";

/** What this page can race with. */
export interface Surroundings {
  readonly hasWebGpu: boolean;
  /** Why there is no WebGPU. */
  readonly reason: string;
  readonly isIsolated: boolean;
  /** One line about the adapter. */
  readonly adapter: string;
}

async function lookForAdapter(): Promise<Pick<Surroundings, "hasWebGpu" | "reason" | "adapter">> {
  const none = { hasWebGpu: false, adapter: "" };
  if (!isSecureContext) return { ...none, reason: "this page is not served from https or localhost" };
  if (!("gpu" in navigator)) return { ...none, reason: "this browser has none" };
  try {
    const adapter = await navigator.gpu.requestAdapter();
    if (!adapter) return { ...none, reason: "this browser found no adapter" };
    const { vendor, architecture, description } = adapter.info;
    const name = [vendor, architecture].filter(Boolean).join(" ") || description || "an adapter without a name";
    return { hasWebGpu: true, reason: "", adapter: name + (isSoftware(adapter.info) ? ", a software adapter" : "") };
  } catch (error) {
    return { ...none, reason: error instanceof Error ? error.message : String(error) };
  }
}

export async function lookAround(): Promise<Surroundings> {
  return { ...(await lookForAdapter()), isIsolated: globalThis.crossOriginIsolated };
}

/** The surroundings in one line. */
export function describe({ hasWebGpu, adapter, isIsolated }: Surroundings): string {
  const gpu = hasWebGpu ? `WebGPU on ${adapter}` : "no WebGPU";
  const isolation = isIsolated ? "cross-origin isolated" : "not cross-origin isolated";
  return `Here: ${gpu} · ${navigator.hardwareConcurrency} cores · ${isolation}`;
}

/** What keeps parts of the race from running here. */
export function shortcomings({ hasWebGpu, reason, isIsolated }: Surroundings): readonly string[] {
  const lines: string[] = [];
  if (!hasWebGpu) {
    lines.push(`No WebGPU: ${reason}. Only the contenders that compute on the CPU can race here.`);
  }
  if (!isIsolated) {
    lines.push(
      "This page is not cross-origin isolated: timers are coarser, and wasm has one thread. " +
        "It is where the server sends Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.",
    );
  }
  return lines;
}
