// Tensors are made at once, without waiting. In WebAssembly what computes them is therefore loaded when a device is opened, but only where
// the program has imported tensors: whoever only trains models does not download it.

import type { WasmTensorBackend } from "./wasm/tensorBackend.ts";

let backend: typeof WasmTensorBackend | undefined;
let loading: Promise<void> | undefined;
let isWanted = false;
let isDeviceOpen = false;

function load(): Promise<void> {
  loading ??= import("./wasm/tensorBackend.ts").then(
    (module) => void (backend = module.WasmTensorBackend),
    (error: unknown) => {
      loading = undefined; // the next device tries again
      throw error;
    },
  );
  return loading;
}

/** Says that the program uses tensors. Devices that are open get the code as soon as it is there. */
export function wantTensors(): void {
  isWanted = true;
  if (isDeviceOpen) void load().catch(() => {});
}

/** Loads the code for a device that is being opened, where tensors are used. */
export async function loadWanted(): Promise<void> {
  isDeviceOpen = true;
  if (isWanted) await load();
}

/** Tensor backend of WebAssembly; undefined while it is not loaded. */
export const wasmTensorBackend = (): typeof WasmTensorBackend | undefined => backend;
