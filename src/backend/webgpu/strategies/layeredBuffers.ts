import { hasOwnRows, widestOptimizer } from "../../batches.ts";
import type { FloatArray, RunSettings } from "../../executor.ts";
import { BufferOwner, write } from "../bufferOwner.ts";
import type { GpuDevice } from "../device.ts";
import type { Layout } from "../layout.ts";
import { Hyper, Layer } from "../layouts.ts";
import type { LayerShape, Network } from "../../../graph/network.ts";
import { momentCount } from "../../../math/optimizer.ts";
import { createStatus } from "./runStatus.ts";
import { rowCountOf } from "./costConstants.ts";
import { gradientColumnsOf, type LayeredPlan, planesOf } from "./layeredPlan.ts";
import { hyperBlock, layerBlock, memberBlock, memberWords, stepStride } from "./uniforms.ts";

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
  /** [members] of `MemberSettings`. */
  readonly settings: GPUBuffer;
  readonly inputPages: readonly Page[];
  readonly targetPages: readonly Page[];
  /** What the first layer and the loss read: the only page, or the rows gathered for a chunk. */
  readonly inputs: GPUBuffer;
  readonly targets: GPUBuffer;
  /** [members or 1, chunkRows]: row of `inputs` that each sample of the chunk takes. */
  readonly batchRows: GPUBuffer;
  /** Per layer [planes, members, chunkRows, fanOut]. */
  readonly outputs: readonly GPUBuffer[];
  /** Per layer [members, chunkRows, gradientColumns]: gradient by pre-activations. */
  readonly dOutputs: readonly GPUBuffer[];
  /** [splits, members, parameterCount + 1]. */
  readonly gradients: GPUBuffer;
  /** [momentCount, members, parameterCount]. */
  readonly moments: GPUBuffer;
  /** [ringSteps, members]. */
  readonly losses: GPUBuffer;
  /** [3, members]. */
  readonly status: GPUBuffer;
}

export interface BuffersRequest {
  readonly device: GpuDevice;
  readonly network: Network;
  readonly members: number;
  readonly settings: RunSettings;
  readonly plan: LayeredPlan;
  /** Layers of a graph; absent for a list, where layer by layer follows. */
  readonly graph?: GraphLayers | undefined;
}

/** What a graph of dense layers has that a list has not. */
export interface GraphLayers {
  /** Whether a layer reads the data. */
  readonly readsData: (layer: LayerShape) => boolean;
  /** Whether the gradient by the outputs of a layer has a buffer of its own. */
  readonly hasGradient: (layer: LayerShape) => boolean;
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

/** Members that `batchRows` holds the rows of. */
const rowMembers = ({ network, members, settings }: Omit<BuffersRequest, "device">): number =>
  hasOwnRows(settings, rowCountOf(settings, network)) ? members : 1;

function createLayers(request: BuffersRequest, owner: BufferOwner): GPUBuffer[] {
  const { device, network, members, plan } = request;
  const shared = { network, members, capacity: plan.chunkRows, splits: plan.splits, ownRows: rowMembers(request) > 1 };
  return network.layers.map((layer) => {
    const words = layerBlock({
      ...shared,
      layer,
      sharesInputs: request.graph ? request.graph.readsData(layer) : layer.index === 0,
    });
    const buffer = owner.uniform(`layer ${layer.index}`, words.byteLength);
    write(device.gpu, buffer, words);
    return buffer;
  });
}

function createHyper({ device, network, members, plan, settings }: BuffersRequest, owner: BufferOwner): GPUBuffer {
  const words = hyperBlock(network, members, plan, widestOptimizer(settings));
  const buffer = owner.uniform("hyper", words.byteLength);
  write(device.gpu, buffer, words);
  return buffer;
}

function createData(request: BuffersRequest, owner: BufferOwner) {
  const { network, settings, plan } = request;
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
  const ownRows = rowMembers(request) > 1; // drawn by a kernel before they are read
  return {
    inputPages,
    targetPages,
    inputs: plan.gathered ? owner.storage("gathered inputs", plan.chunkRows * inputs) : inputPages[0]!.buffer,
    targets: plan.gathered ? owner.storage("gathered targets", plan.chunkRows * outputs) : targetPages[0]!.buffer,
    batchRows: ownRows
      ? owner.storage("batchRows", rowMembers(request) * plan.chunkRows)
      : owner.upload(
          "batchRows",
          Uint32Array.from({ length: plan.chunkRows }, (_, row) => row),
        ),
  };
}

/** Allocates everything a run will use. Call inside `device.checked`. */
export function createLayeredBuffers(request: BuffersRequest): LayeredBuffers {
  const { device, network, members, settings, plan } = request;
  const owner = new BufferOwner(device);
  const samples = members * plan.chunkRows;
  try {
    return {
      owner,
      steps: owner.uniform("steps", stepSlots * stepStride),
      layers: createLayers(request, owner),
      hyper: createHyper(request, owner),
      settings: owner.upload("settings", memberBlock(settings, members)),
      ...createData(request, owner),
      outputs: network.layers.map((layer) =>
        owner.storage(`outputs ${layer.index}`, planesOf(layer) * samples * layer.fanOut),
      ),
      dOutputs: network.layers.map((layer) =>
        owner.storage(
          `dOutputs ${layer.index}`,
          (request.graph?.hasGradient(layer) ?? true) ? samples * gradientColumnsOf(network, layer) : 0,
        ),
      ),
      gradients: owner.storage("gradients", plan.splits * members * (network.parameterCount + 1)),
      moments: owner.storage("moments", momentCount(widestOptimizer(settings)) * members * network.parameterCount),
      losses: owner.storage("losses", plan.ringSteps * members),
      status: createStatus(owner, members),
    };
  } catch (error) {
    owner.dispose();
    throw error;
  }
}

const uniformBytes = ({ bytes }: Layout): number => Math.ceil(bytes / 16) * 16;

/** Bytes that `createLayeredBuffers` will take, by the same formula. */
export function layeredBytes(request: Omit<BuffersRequest, "device">): number {
  const { network, members, settings, plan, graph } = request;
  const samples = members * plan.chunkRows;
  const { inputs, targets } = settings.data;
  const work = network.layers.reduce((total, layer) => {
    const gradient = (graph?.hasGradient(layer) ?? true) ? gradientColumnsOf(network, layer) : 0;
    return total + samples * (planesOf(layer) * layer.fanOut + gradient);
  }, 0);
  const gathered = plan.gathered ? plan.chunkRows * (network.inputs + network.outputs) : 0;
  const gradients = plan.splits * members * (network.parameterCount + 1);
  const parameters = (1 + momentCount(widestOptimizer(settings))) * members * network.parameterCount;
  const small = rowMembers(request) * plan.chunkRows + (plan.ringSteps + memberWords) * members;
  const uniforms = stepSlots * stepStride + uniformBytes(Layer) * network.layers.length + uniformBytes(Hyper);
  return 4 * (inputs.length + targets.length + gathered + work + gradients + parameters + small) + uniforms;
}
