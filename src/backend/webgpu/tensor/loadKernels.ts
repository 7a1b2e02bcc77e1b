// The kernels of tensors are loaded when a WebGPU device gets its first tensor: programs that run without one do without their text.

import type { DataType } from "../../shape.ts";
import type { ElementFunction } from "./elementFunctions.ts";
import type { TensorKernelName } from "./tensorKernels.ts";

/** Which kernel: `tensorKernel` gives its code. */
export interface TensorKernel {
  readonly name: TensorKernelName;
  /** How the operands are stored, the result last. */
  readonly types: readonly DataType[];
  /** What it computes value by value. */
  readonly compute?: ElementFunction;
}

type Kernels = typeof import("./tensorKernels.ts");
let kernels: Kernels | undefined;
let loading: Promise<Kernels> | undefined;

/** The kernels, once they are loaded. */
export const loadedKernels = (): Kernels | undefined => kernels;

/** Loads the kernels; after a failure the next call tries again. */
export async function loadKernels(): Promise<void> {
  loading ??= import("./tensorKernels.ts");
  try {
    kernels = await loading;
  } catch (error) {
    loading = undefined;
    throw error;
  }
}
