import type { TensorBackend } from "./tensorBackend.ts";

/** gpu: a hardware adapter; software: a WebGPU adapter that computes on the CPU; reference: float64 on the CPU. */
export type DeviceKind = "gpu" | "software" | "reference";
/** auto: the fastest there is; cpu: the fastest without WebGPU; else that kind and no other. */
export const deviceChoices = ["auto", "gpu", "software", "cpu", "reference"] as const;
export type DeviceChoice = (typeof deviceChoices)[number];

export interface AcquireOptions {
  /** auto (default): hardware adapter, else software adapter, else the CPU reference. */
  readonly device?: DeviceChoice;
  /** Where adapters come from; default `navigator.gpu`. */
  readonly gpu?: GPU | undefined;
  /** A device of your own: used, and never destroyed. */
  readonly gpuDevice?: GPUDevice;
  /** Largest buffer to create, in bytes, below the device's own limits: larger data is cut into more pages. */
  readonly maxBufferBytes?: number;
  /** One line why `gpu` is undefined, for the user. */
  readonly reason?: string;
}

/** What a device tells about itself. */
export interface DeviceDetails {
  readonly adapter: Readonly<Record<string, string>>;
  readonly limits: Readonly<Record<string, number>>;
  readonly features: readonly string[];
}

/** Buffers that are alive, and their bytes. */
export interface Ledger {
  buffers: number;
  bytes: number;
}

/** A place to compute: the CPU, or a WebGPU device with a ledger of its buffers. */
export interface Device {
  readonly kind: DeviceKind;
  /** What models and tensors hold on a GPU, and tensors on the CPU; 0 when all are disposed. */
  readonly ledger: Readonly<Ledger>;
  /** One line for people. */
  readonly name: string;
  /** One line why this is not a hardware GPU; undefined on one. */
  readonly fallbackReason: string | undefined;
  /** What computes tensors here, for the library itself; a GPU has it from its first tensor on. */
  readonly tensorBackend?: TensorBackend | undefined;
  details(): DeviceDetails;
  dispose(): void;
  [Symbol.dispose](): void;
}
