import { version } from "../../../node_modules/onnxruntime-web/package.json";
import type { Contender, Entry } from "../../race/contract.ts";
import type { Start } from "../../race/start.ts";
import type { Workload } from "../../race/workload.ts";
import { createGpuEntry, type GpuChoice, type Ort } from "./onnxGpu.ts";
import { type RoundGraph, roundGraphs } from "./onnxGraphs.ts";
import { Trial } from "./onnxTrial.ts";
import { createWasmEntry } from "./onnxWasm.ts";

const absolute = (url: string): string => new URL(url, self.location.href).href;

/** How WebAssembly waits for promises: by the engine, which is faster, or by code that is compiled in. */
const waiting = "Suspending" in WebAssembly ? "JSPI" : "Asyncify";

async function withJspi(): Promise<[Ort, string]> {
  const [ort, wasm] = await Promise.all([
    import("onnxruntime-web/jspi"),
    import("onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url"),
  ]);
  return [ort, wasm.default];
}

async function withAsyncify(): Promise<[Ort, string]> {
  const [ort, wasm] = await Promise.all([
    import("onnxruntime-web/webgpu"),
    import("onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url"),
  ]);
  return [ort, wasm.default];
}

async function loadForGpu(): Promise<Ort> {
  const [ort, wasm] = await (waiting === "JSPI" ? withJspi() : withAsyncify());
  ort.env.wasm.wasmPaths = { wasm: absolute(wasm) };
  ort.env.wasm.numThreads = 1; // no operator runs on the CPU
  return ort;
}

async function loadForWasm(): Promise<Ort> {
  const [ort, wasm, script] = await Promise.all([
    import("onnxruntime-web/wasm"),
    import("onnxruntime-web/ort-wasm-simd-threaded.wasm?url"),
    import("onnxruntime-web/ort-wasm-simd-threaded.mjs?url"),
  ]);
  // threads start from the script, which no bundler may have changed
  ort.env.wasm.wasmPaths = { wasm: absolute(wasm.default), mjs: absolute(script.default) };
  ort.env.wasm.numThreads = self.crossOriginIsolated ? navigator.hardwareConcurrency : 1;
  ort.env.wasm.proxy = false; // contenders run in workers of their own
  return ort;
}

/** Loads once, when first asked. */
function once(load: () => Promise<Ort>): () => Promise<Ort> {
  let loaded: Promise<Ort> | undefined;
  return () => (loaded ??= load());
}

const gpuRuntime = once(loadForGpu);
const wasmRuntime = once(loadForWasm);

async function gpuEntry(workload: Workload, start: Start): Promise<Entry> {
  const rounds = roundGraphs(workload, start, "webgpu");
  const ort = await gpuRuntime();
  const trial = new Trial<GpuChoice>((choice) => createGpuEntry(ort, choice, start));
  for (const round of rounds) await trial.enter({ round, graphCapture: true });
  await trial.enter({ ...trial.best!, graphCapture: false });
  const entry = await trial.winner();
  return { ...entry, settings: { ...entry.settings, waiting } };
}

async function wasmEntry(workload: Workload, start: Start): Promise<Entry> {
  const rounds = roundGraphs(workload, start, "wasm");
  const ort = await wasmRuntime();
  const trial = new Trial<RoundGraph>((round) => createWasmEntry(ort, round, start));
  for (const round of rounds) await trial.enter(round);
  const entry = await trial.winner();
  return { ...entry, settings: { ...entry.settings, threads: ort.env.wasm.numThreads ?? 1 } };
}

/** Graph on the GPU, state in its memory; operators and graph capture are what a short trial finds fastest. */
export const webgpu: Contender = { version, createEntry: gpuEntry };

/** Graph on the CPU with SIMD, and with threads where the page is cross-origin isolated. */
export const wasm: Contender = { version, createEntry: wasmEntry };
