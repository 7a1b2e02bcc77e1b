/// <reference lib="esnext.disposable" preserve="true" />
import type { DeviceKind } from "./deviceKind.ts";
import type { TensorBackend } from "./tensorBackend.ts";

/** auto: the fastest, a hardware adapter or cpu; cpu: wasm, or the reference where there is none; else that kind and no other. */
export const deviceChoices = ["auto", "gpu", "software", "cpu", "wasm", "reference"] as const;
export type DeviceChoice = (typeof deviceChoices)[number];

export interface AcquireOptions {
  /** auto (default): hardware adapter, else WebAssembly, else the float64 reference. */
  readonly device?: DeviceChoice;
  /** Source of adapters; default `navigator.gpu`. */
  readonly gpu?: GPU | undefined;
  /**
   * A device of your own: used, and never destroyed. Given as a function that opens one, a lost device is replaced by what it returns
   * then; otherwise the CPU takes over.
   */
  readonly gpuDevice?: GPUDevice | (() => GPUDevice | Promise<GPUDevice>);
  /** Largest buffer to create, in bytes, below the device's own limits: larger data is cut into more pages. */
  readonly maxBufferBytes?: number;
  /** One line why `gpu` is undefined, for the user. */
  readonly reason?: string;
}

/** Description of a device. */
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
  /** Buffers and bytes that models and tensors hold on a GPU, and tensors on the CPU; 0 when all are disposed. */
  readonly ledger: Readonly<Ledger>;
  /** One line for people. */
  readonly name: string;
  /** One line why this is not a hardware GPU; undefined on one. */
  readonly fallbackReason: string | undefined;
  /** What computes tensors here, for the library itself; a GPU has it from its first tensor on. */
  readonly tensorBackend?: TensorBackend | undefined;
  /** Was ended by `dispose`. */
  readonly isDisposed: boolean;
  details(): DeviceDetails;
  /** For the library itself, of a GPU: it is lost because it did not answer. */
  readonly isSilent?: boolean;
  /** For the library itself, of a GPU: it takes the place of one that did not answer, and is given less time to. */
  hurry?(): void;
  /** For the library itself, of a GPU: whether it was hurried. */
  readonly isHurried?: boolean;
  /** For the library itself: takes charge of another device, which ends with this one. */
  accompany(companion: Device): void;
  dispose(): void;
  [Symbol.dispose](): void;
}
