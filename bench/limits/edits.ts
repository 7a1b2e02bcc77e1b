// A part of a kernel left out, by exchanging pieces of its text: production code knows nothing of it.

/** One piece of a kernel's text, and what stands in its place. */
export interface Edit {
  /** The kernel's name, which is the label of its module. */
  readonly kernel: string;
  readonly find: string;
  readonly replace: string;
  /** How often the text must stand in the kernel; default once. */
  readonly times?: number;
}

/** What is changed, or left out of a kernel. Its results are wrong by nature. */
export interface Ablation {
  readonly name: string;
  readonly sentence: string;
  readonly edits: readonly Edit[];
  /** Samples of a training step, where these are what is changed. */
  readonly batchSize?: number;
}

const countOf = (code: string, text: string): number => code.split(text).length - 1;

const firstLineOf = (text: string): string => text.trim().split("\n")[0]!;

function apply(code: string, { kernel, find, replace, times = 1 }: Edit): string {
  const found = countOf(code, find);
  if (found === times) return code.replaceAll(find, () => replace);
  const text = firstLineOf(find);
  throw new Error(`the text "${text}" stands in ${kernel} ${found} times, not ${times}: the kernel has changed`);
}

/**
 * The code of a kernel with the edits that are for it.
 * @throws Error where a text is not found as often as expected: the unchanged kernel would be timed in its place
 */
export const applyEdits = (kernel: string, code: string, edits: readonly Edit[]): string =>
  edits.filter((edit) => edit.kernel === kernel).reduce(apply, code);

/** What watches over the shaders of a device. */
export interface EditedShaders {
  /** Kernels that were compiled, in the order in which they were. */
  readonly kernels: ReadonlySet<string>;
  /** @throws Error where a kernel that is to be edited was never compiled */
  requireMet(): void;
}

/** Edits all shaders that a device compiles from now on. */
export function editShaders(gpu: GPUDevice, edits: readonly Edit[]): EditedShaders {
  const kernels = new Set<string>();
  const create = gpu.createShaderModule.bind(gpu);
  const value = (descriptor: GPUShaderModuleDescriptor): GPUShaderModule => {
    const { label = "", code } = descriptor;
    kernels.add(label);
    return create({ ...descriptor, code: applyEdits(label, code, edits) });
  };
  Object.defineProperty(gpu, "createShaderModule", { value }); // of this device alone: its prototype stays as it is
  return {
    kernels,
    requireMet() {
      const missing = edits.find(({ kernel }) => !kernels.has(kernel));
      if (missing) throw new Error(`${missing.kernel} was never compiled, of which a part is to be left out`);
    },
  };
}
