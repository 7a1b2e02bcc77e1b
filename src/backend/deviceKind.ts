/** gpu: a hardware adapter; software: a WebGPU adapter that computes on the CPU; wasm: f32 vectors on the CPU; reference: float64. */
export type DeviceKind = "gpu" | "software" | "wasm" | "reference";
