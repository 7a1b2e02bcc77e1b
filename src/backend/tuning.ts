/// <reference lib="esnext.disposable" preserve="true" />
// Public types of matmul tuning: a device measures which of its kernels is fastest for a shape.

import type { MatmulVariant } from "./webgpu/matmulVariants.ts";

/** Tuning result for one class of shapes. */
export interface TunedMatmul {
  /** m x n x k x matrices, each rounded up to a power of two; n or t for either operand as it lies or transposed; types; alignment. */
  readonly bucket: string;
  /** Median times of one product in the variants that were measured, in ms. */
  readonly timesMs: Readonly<Partial<Record<MatmulVariant, number>>>;
  /** The variant that is taken. */
  readonly variant: MatmulVariant;
}

/** Storage of tuning results. Keys name adapter and kernels; texts are read as untrusted. */
export interface TuningCache {
  /** Reads the text stored under a key, if any. */
  read(key: string): Promise<string | undefined>;
  write(key: string, text: string): Promise<void>;
}

/** The tuning of a device. */
export interface MatmulTuning {
  /** False when it was disposed of, or has ended because the device was lost or refused something; and on the CPU. */
  readonly isOn: boolean;
  /** Resolves when everything met so far has been measured and written to the cache, or when tuning has ended. */
  settled(): Promise<void>;
  /** Measurements for one class of shapes: times of the variants, and the chosen one. */
  entries(): readonly TunedMatmul[];
  /** Ends it: products are computed as they are without, nothing is held any more. May be called again. */
  dispose(): void;
  [Symbol.dispose](): void;
}
