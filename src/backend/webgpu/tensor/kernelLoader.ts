// The kernels of tensors are loaded when a WebGPU device gets its first tensor: programs that run without one do without their text.

type Kernels = typeof import("./tensorKernels.ts");

class KernelLoader {
  /** The kernels, once they are loaded. */
  loaded: Kernels | undefined;
  #loading: Promise<Kernels> | undefined;

  /** Loads them; after a failure the next call tries again. */
  async load(): Promise<void> {
    this.#loading ??= import("./tensorKernels.ts");
    try {
      this.loaded = await this.#loading;
    } catch (error) {
      this.#loading = undefined;
      throw error;
    }
  }
}

/** The kernels of all devices. */
export const kernelLoader = new KernelLoader();
