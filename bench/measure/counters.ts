/** Calls of the WebGPU API. */
export interface Counts {
  readonly dispatches: number;
  readonly submits: number;
  readonly passes: number;
  readonly createBuffer: number;
  readonly createBindGroup: number;
  readonly createPipeline: number;
  readonly writeBuffer: number;
  /** With those of buffers that were created mapped. */
  readonly writeBufferBytes: number;
  readonly mapAsync: number;
}

type Method = (this: unknown, ...values: unknown[]) => unknown;

/** Bytes of `writeBuffer(buffer, offset, data, dataOffset, size)`: both in elements of `data` where it is a typed array. */
function writtenBytes([, , data, dataOffset = 0, size]: unknown[]): number {
  const { byteLength, BYTES_PER_ELEMENT = 1 } = data as { byteLength: number; BYTES_PER_ELEMENT?: number };
  return size === undefined
    ? byteLength - (dataOffset as number) * BYTES_PER_ELEMENT
    : (size as number) * BYTES_PER_ELEMENT;
}

/** What is written into a buffer that is created mapped is written as well. */
const mappedBytes = ({ mappedAtCreation, size }: GPUBufferDescriptor): number => (mappedAtCreation ? size : 0);

/** Counts the calls that `action` makes, by wrapping the prototypes while it runs. Where there is no WebGPU there are none. */
export async function countCalls(action: () => Promise<void>): Promise<Counts> {
  const counts = {
    dispatches: 0,
    submits: 0,
    passes: 0,
    createBuffer: 0,
    createBindGroup: 0,
    createPipeline: 0,
    writeBuffer: 0,
    writeBufferBytes: 0,
    mapAsync: 0,
  };
  const isThere = "GPUDevice" in globalThis;
  const watched: [object, string, keyof typeof counts][] = !isThere
    ? []
    : [
        [GPUComputePassEncoder.prototype, "dispatchWorkgroups", "dispatches"],
        [GPUComputePassEncoder.prototype, "dispatchWorkgroupsIndirect", "dispatches"],
        [GPUQueue.prototype, "submit", "submits"],
        [GPUQueue.prototype, "writeBuffer", "writeBuffer"],
        [GPUCommandEncoder.prototype, "beginComputePass", "passes"],
        [GPUDevice.prototype, "createBuffer", "createBuffer"],
        [GPUDevice.prototype, "createBindGroup", "createBindGroup"],
        [GPUDevice.prototype, "createComputePipeline", "createPipeline"],
        [GPUDevice.prototype, "createComputePipelineAsync", "createPipeline"],
        [GPUBuffer.prototype, "mapAsync", "mapAsync"],
      ];
  const restore = watched.map(([prototype, name, key]) => {
    const methods = prototype as Record<string, Method>;
    const original = methods[name]!;
    methods[name] = function (...values) {
      counts[key]++;
      if (key === "writeBuffer") counts.writeBufferBytes += writtenBytes(values);
      if (key === "createBuffer") counts.writeBufferBytes += mappedBytes(values[0] as GPUBufferDescriptor);
      return original.apply(this, values);
    };
    return () => (methods[name] = original);
  });
  try {
    await action();
    return counts;
  } finally {
    for (const undo of restore) undo();
  }
}
