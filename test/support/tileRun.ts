// The kernels that take tiles of samples, dispatched by themselves.

import { batchAt, rowCountOf, widestOptimizer } from "../../src/backend/batches.ts";
import type { RunSettings } from "../../src/backend/executor.ts";
import { BufferOwner, readStretches, write } from "../../src/backend/webgpu/bufferOwner.ts";
import type { GpuDevice } from "../../src/backend/webgpu/device.ts";
import type { TileSizes } from "../../src/backend/webgpu/emit/networkLayout.ts";
import { kernelUpdateOf } from "../../src/backend/webgpu/emit/emitOptimizer.ts";
import { type Constants, createKernel } from "../../src/backend/webgpu/kernel.ts";
import type { KernelSource } from "../../src/backend/webgpu/shader.ts";
import { fusedKernels, runBlock, slicesBlock } from "../../src/backend/webgpu/fusedKernels.ts";
import type { Network } from "../../src/graph/network.ts";
import { orderConstants } from "../../src/backend/webgpu/strategies/costConstants.ts";
import { createStatus } from "../../src/backend/webgpu/strategies/gpuRun.ts";
import { hyperBlock, memberBlock, writeStep } from "../../src/backend/webgpu/strategies/uniforms.ts";
import { stepBytes, stepStride, storedStepBytes } from "../../src/backend/webgpu/layouts.ts";

export interface TileRun {
  readonly network: Network;
  readonly members: number;
  readonly settings: RunSettings;
  /** [members, parameterCount]. */
  readonly parameters: Float32Array;
  readonly sizes: TileSizes;
}

type Name = "trainGroups" | "trainTiles";
const sourceOf = ({ network, settings, sizes }: TileRun, name: Name): KernelSource =>
  name === "trainTiles"
    ? fusedKernels.trainTiles(network, sizes)
    : fusedKernels.trainGroups(network, kernelUpdateOf(widestOptimizer(settings)), sizes);

const constantsOf = ({ network, settings }: TileRun): Constants => ({
  ...orderConstants(settings, rowCountOf(settings, network)),
});

/** A uniform buffer with this in it. */
function uniformOf(device: GpuDevice, owner: BufferOwner, label: string, block: ArrayBuffer): GPUBuffer {
  const buffer = owner.uniform(label, block.byteLength);
  write(device, buffer, block);
  return buffer;
}

export interface GroupsTrained {
  readonly parameters: Float32Array;
  /** [steps, members]. */
  readonly losses: Float32Array;
  /** [3, members]. */
  readonly status: Uint32Array;
}

/** Trains by `trainGroups`, a dispatch for each of `calls`, which count steps. */
export async function runGroups(device: GpuDevice, run: TileRun, calls: readonly number[]): Promise<GroupsTrained> {
  const { network, members, settings, parameters: initial } = run;
  const kernel = await createKernel(device, sourceOf(run, "trainGroups"), constantsOf(run));
  const owner = new BufferOwner(device);
  const total = calls.reduce((sum, count) => sum + count, 0);
  const { gpu } = device;
  try {
    const runs = owner.uniform("run", 16);
    const hyper = uniformOf(
      device,
      owner,
      "hyper",
      hyperBlock(network, members, { splits: 1 }, widestOptimizer(settings)),
    );
    const steps = owner.storage("steps", (Math.max(...calls) * storedStepBytes) / 4);
    const inputs = owner.upload("inputs", settings.data.inputs as Float32Array);
    const targets = owner.upload("targets", settings.data.targets as Float32Array);
    const rates = owner.upload("settings", memberBlock(settings, members));
    const parameters = owner.upload("parameters", initial);
    const moments = owner.storage("moments", 2 * initial.length);
    const losses = owner.storage("losses", total * members);
    const status = createStatus(owner, members);
    const bound = [runs, hyper, steps, inputs, targets, rates, parameters, moments, losses, status];
    const entries = bound.map((buffer, binding) => ({ binding, resource: { buffer } }));
    const bindGroup = gpu.createBindGroup({ layout: kernel.layout, entries });
    let first = 0;
    for (const count of calls) {
      const words = new DataView(new ArrayBuffer(count * storedStepBytes));
      for (let index = 0; index < count; index++) {
        const batch = batchAt(settings, rowCountOf(settings, network), first + index);
        const chunk = { firstRow: 0, rows: batch.batchSize };
        const numbers = { network, optimizer: widestOptimizer(settings), step: first + index, batch, chunk };
        writeStep(words, index * storedStepBytes, { ...numbers, lossSlot: first + index });
      }
      write(device, steps, words.buffer);
      write(device, runs, runBlock(count, 0, members));
      const encoder = gpu.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(kernel.pipeline);
      pass.setBindGroup(0, bindGroup, [0]);
      const columns = Math.min(3, members); // a grid of several rows, as with very many members
      pass.dispatchWorkgroups(columns, Math.ceil(members / columns));
      pass.end();
      gpu.queue.submit([encoder.finish()]);
      first += count;
    }
    const lengths = [initial.length, total * members, 3 * members] as const;
    const stretches = [parameters, losses, status].map((buffer, at) => ({ buffer, first: 0, length: lengths[at]! }));
    const all = await readStretches(device, "test", stretches);
    return {
      parameters: new Float32Array(all, 0, lengths[0]),
      losses: new Float32Array(all, 4 * lengths[0], lengths[1]),
      status: new Uint32Array(all, 4 * (lengths[0] + lengths[1]), lengths[2]),
    };
  } finally {
    owner.dispose();
  }
}

export interface Slicing {
  readonly sliceRows: number;
  /** Rows of a chunk, whole slices; default the batch. */
  readonly chunkRows?: number;
  readonly step?: number;
}

/** Partial gradients [splits, members, parameterCount + 1] of one step by `trainTiles`, chunk by chunk. */
export async function runTiles(device: GpuDevice, run: TileRun, slicing: Slicing): Promise<Float32Array> {
  const { network, members, settings, parameters } = run;
  const { sliceRows, step: index = 0 } = slicing;
  const kernel = await createKernel(device, sourceOf(run, "trainTiles"), constantsOf(run));
  const batch = batchAt(settings, rowCountOf(settings, network), index);
  const splits = Math.ceil(Math.min(settings.batchSize, rowCountOf(settings, network)) / sliceRows);
  const chunkRows = slicing.chunkRows ?? splits * sliceRows;
  const chunks = Math.ceil(batch.batchSize / chunkRows);
  const owner = new BufferOwner(device);
  const { gpu } = device;
  try {
    const words = new ArrayBuffer(chunks * stepStride);
    for (let at = 0; at < chunks; at++) {
      const firstRow = at * chunkRows;
      const chunk = { firstRow, rows: Math.min(chunkRows, batch.batchSize - firstRow) };
      const numbers = { network, optimizer: widestOptimizer(settings), step: index, batch, chunk, lossSlot: 0 };
      writeStep(new DataView(words), at * stepStride, numbers);
    }
    const steps = uniformOf(device, owner, "steps", words);
    const length = splits * members * (network.parameterCount + 1);
    const partials = owner.upload("partials", new Float32Array(length).fill(7)); // everything is to be overwritten
    const bound = [
      uniformOf(device, owner, "slices", slicesBlock(sliceRows, splits, members)),
      owner.upload("inputs", settings.data.inputs as Float32Array),
      owner.upload("targets", settings.data.targets as Float32Array),
      owner.upload("settings", memberBlock(settings, members)),
      owner.upload("parameters", parameters),
      partials,
    ];
    const entries = [{ buffer: steps, size: stepBytes }, ...bound.map((buffer) => ({ buffer }))].map(
      (resource, binding) => ({ binding, resource }),
    );
    const bindGroup = gpu.createBindGroup({ layout: kernel.layout, entries });
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(kernel.pipeline);
    for (let at = 0; at < chunks; at++) {
      pass.setBindGroup(0, bindGroup, [at * stepStride]);
      pass.dispatchWorkgroups(splits, 1, members);
    }
    pass.end();
    gpu.queue.submit([encoder.finish()]);
    return new Float32Array(await readStretches(device, "test", [{ buffer: partials, first: 0, length }]));
  } finally {
    owner.dispose();
  }
}
