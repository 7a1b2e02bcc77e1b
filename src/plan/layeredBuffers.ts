import type { FloatArray, RunSettings } from "../executor.ts";
import { BufferOwner, write } from "../gpu/bufferOwner.ts";
import type { GpuDevice } from "../gpu/device.ts";
import type { Network } from "../network.ts";
import { momentCount } from "../optimizer.ts";
import { gradientColumnsOf, type LayeredPlan, planesOf } from "./layeredPlan.ts";
import { hyperBlock, layerBlock, stepStride } from "./uniforms.ts";

/** Step slots written at once, 64 KiB: the smallest `maxBufferBytes`. A submit ends when they are used up. */
export const stepSlots = 256;

/** A buffer of data rows firstRow … firstRow + rows − 1. */
export interface Page {
  readonly buffer: GPUBuffer;
  readonly firstRow: number;
  readonly rows: number;
}

/** Every buffer of one training run, owned together. Parameters belong to the executor. */
export interface LayeredBuffers {
  readonly owner: BufferOwner;
  /** [stepSlots] of `Step`, 256 bytes apart. */
  readonly steps: GPUBuffer;
  /** Per layer, `Layer`. */
  readonly layers: readonly GPUBuffer[];
  readonly hyper: GPUBuffer;
  readonly inputPages: readonly Page[];
  readonly targetPages: readonly Page[];
  /** What the first layer and the loss read: the only page, or the rows gathered for a chunk. */
  readonly inputs: GPUBuffer;
  readonly targets: GPUBuffer;
  /** [chunkRows]: row of `inputs` that each sample of the chunk takes. */
  readonly batchRows: GPUBuffer;
  /** Per layer [planes, replicas, chunkRows, fanOut]. */
  readonly outputs: readonly GPUBuffer[];
  /** Per layer [replicas, chunkRows, gradientColumns]: gradient by pre-activations. */
  readonly dOutputs: readonly GPUBuffer[];
  /** [slots, replicas, parameterCount + 1]. */
  readonly gradients: GPUBuffer;
  /** [momentCount, replicas, parameterCount]. */
  readonly moments: GPUBuffer;
  /** [ringSteps, replicas]. */
  readonly losses: GPUBuffer;
  /** [replicas]. */
  readonly nonFinite: GPUBuffer;
}

export interface BuffersRequest {
  readonly device: GpuDevice;
  readonly network: Network;
  readonly replicas: number;
  readonly settings: RunSettings;
  readonly plan: LayeredPlan;
}

export const toFloat32 = (values: FloatArray): Float32Array =>
  values instanceof Float32Array ? values : Float32Array.from(values);

interface Rows {
  readonly label: string;
  /** [rows, width]. */
  readonly values: FloatArray;
  readonly width: number;
  readonly pageRows: number;
}

/** Uploads rows in pages of `pageRows`. */
function uploadPages(owner: BufferOwner, { label, values, width, pageRows }: Rows): Page[] {
  const rowCount = values.length / width;
  const all = toFloat32(values);
  const pages: Page[] = [];
  for (let firstRow = 0; firstRow < rowCount; firstRow += pageRows) {
    const rows = Math.min(pageRows, rowCount - firstRow);
    const buffer = owner.upload(`${label} ${firstRow}`, all.subarray(firstRow * width, (firstRow + rows) * width));
    pages.push({ buffer, firstRow, rows });
  }
  return pages;
}

function createLayers({ device, network, replicas, plan }: BuffersRequest, owner: BufferOwner): GPUBuffer[] {
  return network.layers.map((layer) => {
    const sharesInputs = layer.index === 0;
    const words = layerBlock({ network, layer, replicas, capacity: plan.chunkRows, sharesInputs, slots: plan.slots });
    const buffer = owner.uniform(`layer ${layer.index}`, words.byteLength);
    write(device.gpu, buffer, words);
    return buffer;
  });
}

function createHyper({ device, network, replicas, plan, settings }: BuffersRequest, owner: BufferOwner): GPUBuffer {
  const words = hyperBlock(network, replicas, plan, settings.optimizer);
  const buffer = owner.uniform("hyper", words.byteLength);
  write(device.gpu, buffer, words);
  return buffer;
}

function createData({ network, settings, plan }: BuffersRequest, owner: BufferOwner) {
  const { inputs, outputs } = network;
  const inputPages = uploadPages(owner, {
    label: "inputs",
    values: settings.data.inputs,
    width: inputs,
    pageRows: plan.inputPageRows,
  });
  const targetPages = uploadPages(owner, {
    label: "targets",
    values: settings.data.targets,
    width: outputs,
    pageRows: plan.targetPageRows,
  });
  const identity = Uint32Array.from({ length: plan.chunkRows }, (_, row) => row);
  return {
    inputPages,
    targetPages,
    inputs: plan.gathered ? owner.storage("gathered inputs", plan.chunkRows * inputs) : inputPages[0]!.buffer,
    targets: plan.gathered ? owner.storage("gathered targets", plan.chunkRows * outputs) : targetPages[0]!.buffer,
    batchRows: owner.upload("batchRows", identity),
  };
}

/** Allocates everything a run will use. Call inside `device.checked`. */
export function createLayeredBuffers(request: BuffersRequest): LayeredBuffers {
  const { device, network, replicas, settings, plan } = request;
  const owner = new BufferOwner(device);
  const samples = replicas * plan.chunkRows;
  try {
    return {
      owner,
      steps: owner.uniform("steps", stepSlots * stepStride),
      layers: createLayers(request, owner),
      hyper: createHyper(request, owner),
      ...createData(request, owner),
      outputs: network.layers.map((layer) =>
        owner.storage(`outputs ${layer.index}`, planesOf(layer) * samples * layer.fanOut),
      ),
      dOutputs: network.layers.map((layer) =>
        owner.storage(`dOutputs ${layer.index}`, samples * gradientColumnsOf(network, layer)),
      ),
      gradients: owner.storage("gradients", plan.slots * replicas * (network.parameterCount + 1)),
      moments: owner.storage("moments", momentCount(settings.optimizer) * replicas * network.parameterCount),
      losses: owner.storage("losses", plan.ringSteps * replicas),
      nonFinite: owner.upload("nonFinite", new Uint32Array(replicas).fill(0xffffffff)),
    };
  } catch (error) {
    owner.dispose();
    throw error;
  }
}

/** Bytes that `createLayeredBuffers` will take, by the same formula. */
export function layeredBytes({ network, replicas, settings, plan }: Omit<BuffersRequest, "device">): number {
  const samples = replicas * plan.chunkRows;
  const { inputs, targets } = settings.data;
  const work = network.layers.reduce(
    (total, layer) => total + samples * (planesOf(layer) * layer.fanOut + gradientColumnsOf(network, layer)),
    0,
  );
  const gathered = plan.gathered ? plan.chunkRows * (network.inputs + network.outputs) : 0;
  const gradients = plan.slots * replicas * (network.parameterCount + 1);
  const parameters = (1 + momentCount(settings.optimizer)) * replicas * network.parameterCount;
  const small = plan.chunkRows + (plan.ringSteps + 1) * replicas;
  const uniforms = stepSlots * stepStride + 48 * (network.layers.length + 1);
  return 4 * (inputs.length + targets.length + gathered + work + gradients + parameters + small) + uniforms;
}
