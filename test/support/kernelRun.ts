// One kernel, dispatched by itself.

import { batchAt } from "../../src/backend/batches.ts";
import { BufferOwner, readStretches, write } from "../../src/backend/webgpu/bufferOwner.ts";
import { acquire } from "../../src/backend/acquire.ts";
import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import { type Bound, type Constants, createDispatch, createKernel, encode } from "../../src/backend/webgpu/kernel.ts";
import { type KernelName, type LayerFunctions, layerKernel } from "../../src/backend/webgpu/kernels.ts";
import type { KernelSource } from "../../src/backend/webgpu/shader.ts";
import type { Network } from "../../src/graph/network.ts";
import { type Optimizer, sgd } from "../../src/math/optimizer.ts";
import { writeStep } from "../../src/backend/webgpu/strategies/uniforms.ts";
import { stepBytes, stepStride } from "../../src/backend/webgpu/layouts.ts";

/** A WebGPU device, of hardware where there is some; without an adapter the test fails. */
export async function openDevice(options: { maxBufferBytes?: number; gpu?: GPU } = {}): Promise<GpuDevice> {
  const device = await acquire({ ...options, device: "gpu" }).catch(() => acquire({ ...options, device: "software" }));
  return device as GpuDevice;
}

export interface StepRequest {
  readonly network: Network;
  readonly optimizer?: Optimizer;
  readonly step?: number;
  /** Rows of the data set and of a whole batch; default: the chunk is the batch and the data. */
  readonly rowCount?: number;
  readonly batchSize?: number;
  readonly shuffle?: boolean;
  readonly seed?: number;
  readonly firstRow?: number;
  readonly rows: number;
  readonly lossSlot?: number;
}

/** The batch of a step request, as a run would draw it. */
export function batchOf(request: StepRequest) {
  const { rows, rowCount = rows, batchSize = rowCount, shuffle = false, seed = 0, step = 0 } = request;
  const empty = new Float32Array(0);
  const settings = { data: { inputs: empty, targets: empty }, optimizer: sgd(), batchSize, shuffle, seed };
  return batchAt(settings, rowCount, step);
}

/** A slot of step numbers. */
export function stepSlot(request: StepRequest): ArrayBuffer {
  const slot = new ArrayBuffer(stepStride);
  const { network, optimizer = sgd(), step = 0, rows, firstRow = 0, lossSlot = 0 } = request;
  const batch = batchOf(request);
  writeStep(new DataView(slot), 0, { network, optimizer, step, batch, chunk: { firstRow, rows }, lossSlot });
  return slot;
}

export interface KernelRun {
  readonly name?: KernelName;
  /** Of a kernel that leaves them open. */
  readonly functions?: LayerFunctions;
  /** Of a kernel that is not in the table: the update, which is written for an optimizer. */
  readonly source?: KernelSource;
  readonly constants: Constants;
  readonly step: ArrayBuffer;
  readonly uniform: ArrayBuffer;
  /** Values of the storage bindings, in order. */
  readonly storage: readonly (Float32Array | Uint32Array)[];
  readonly invocations: number;
  readonly members: number;
}

/** Runs a kernel once. @returns the bits of every storage binding afterwards, in order */
export async function runKernel(device: GpuDevice, run: KernelRun): Promise<Uint32Array[]> {
  const source = run.source ?? layerKernel(run.name!, run.functions);
  const kernel = await createKernel(device, source, run.constants);
  const owner = new BufferOwner(device);
  try {
    const steps = owner.uniform("steps", run.step.byteLength);
    const uniform = owner.uniform("uniform", run.uniform.byteLength);
    write(device, steps, run.step);
    write(device, uniform, run.uniform);
    const storage = run.storage.map((values, index) => owner.upload(`binding ${index + 2}`, values));
    const bound: Bound[] = [{ buffer: steps, size: stepBytes }, uniform, ...storage];
    const { invocations, members } = run;
    const dispatch = createDispatch(device, kernel, { label: "test", bound, invocations: () => invocations, members });
    const encoder = device.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    encode(pass, dispatch, 0, 0);
    pass.end();
    device.gpu.queue.submit([encoder.finish()]);
    const lengths = run.storage.map(({ length }) => length);
    const stretches = storage.map((buffer, index) => ({ buffer, first: 0, length: lengths[index]! }));
    const all = new Uint32Array(await readStretches(device, "test", stretches));
    let first = 0;
    return lengths.map((length) => all.subarray(first, (first += length)));
  } finally {
    owner.dispose();
  }
}

/** Part of one member in a flat buffer, as float64. */
export const memberPart = (values: Float32Array, member: number, length: number): Float64Array =>
  Float64Array.from(values.subarray(member * length, (member + 1) * length));
