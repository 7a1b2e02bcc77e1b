// Counts calls of WebGPU while an action runs, by wrapping the prototypes.

const prototypes = () => ({
  createBuffer: GPUDevice.prototype,
  createBindGroup: GPUDevice.prototype,
  createBindGroupLayout: GPUDevice.prototype,
  createPipelineLayout: GPUDevice.prototype,
  createShaderModule: GPUDevice.prototype,
  createComputePipeline: GPUDevice.prototype,
  createComputePipelineAsync: GPUDevice.prototype,
  submit: GPUQueue.prototype,
  writeBuffer: GPUQueue.prototype,
  beginComputePass: GPUCommandEncoder.prototype,
  copyBufferToBuffer: GPUCommandEncoder.prototype,
  dispatchWorkgroups: GPUComputePassEncoder.prototype,
  mapAsync: GPUBuffer.prototype,
});
type Method = keyof ReturnType<typeof prototypes>;
export type Counts = Record<Method, number>;

/** Calls of each method on any WebGPU object while `action` runs. */
export async function countCalls(action: () => Promise<void>): Promise<Counts> {
  const wrapped = prototypes();
  const methods = Object.keys(wrapped) as Method[];
  const counts = Object.fromEntries(methods.map((method) => [method, 0])) as Counts;
  const originals = methods.map((method) => {
    const prototype = wrapped[method] as unknown as Record<string, (...all: unknown[]) => unknown>;
    const original = prototype[method]!;
    prototype[method] = function count(this: unknown, ...all: unknown[]) {
      counts[method]++;
      return original.apply(this, all);
    };
    return () => {
      prototype[method] = original;
    };
  });
  try {
    await action();
  } finally {
    for (const restore of originals) restore();
  }
  return counts;
}
