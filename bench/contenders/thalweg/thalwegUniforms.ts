import { write, type BufferOwner } from "../../../src/backend/webgpu/bufferOwner.ts";
import type { GpuDevice } from "../../../src/backend/webgpu/device.ts";
import { stepWord } from "../../../src/backend/webgpu/strategies/uniforms.ts";
import { stepBytes, stepStride } from "../../../src/backend/webgpu/layouts.ts";

// Uniforms of the library's kernels, filled for products by themselves: no data set, no loss, strides of our own.

/** Part of a round that one dispatch computes. */
export interface Part {
  readonly rows: number;
  /** What the kernels call a member: one of several matrices, or a stretch of the rows of one. */
  readonly firstMember: number;
  /** Adds to what the gradient kernels have written before. */
  readonly accumulates?: boolean;
}

/** Place of `firstRow` in `Step` of shaders/step.wgsl; 0 where gradients start anew. */
const firstRowWord = 6;

/** Slots that a dynamic offset moves along, each of some words. */
function uploadSlots(device: GpuDevice, owner: BufferOwner, slots: readonly Uint32Array[]): GPUBuffer {
  const words = new Uint32Array((slots.length * stepStride) / 4);
  for (const [index, slot] of slots.entries()) words.set(slot, (index * stepStride) / 4);
  const buffer = owner.uniform("slots", words.byteLength);
  write(device, buffer, words);
  return buffer;
}

/** `Step` of shaders/step.wgsl for each part. */
export function uploadParts(device: GpuDevice, owner: BufferOwner, parts: readonly Part[]): GPUBuffer {
  const slots = parts.map(({ rows, firstMember, accumulates }) => {
    const words = new Uint32Array(stepBytes / 4);
    words[stepWord.chunkRows] = rows;
    words[stepWord.firstMember] = firstMember;
    words[firstRowWord] = accumulates ? 1 : 0;
    return words;
  });
  return uploadSlots(device, owner, slots);
}

/** `Layer` takes 10 words, padded to a multiple of 16 bytes. */
const layerWords = 12;

export interface LayerStrides {
  readonly fanIn: number;
  readonly fanOut: number;
  readonly weightsOffset: number;
  /** Floats from one member's parameters to the next: 0 where all share them. */
  readonly parameterStride: number;
  readonly members: number;
  /** Rows of one member in the buffers of outputs and their gradients. */
  readonly capacity: number;
}

/** `Layer` of shaders/step.wgsl; inputs lie as densely as outputs, and gradients carry no loss. */
export function uploadLayer(device: GpuDevice, owner: BufferOwner, strides: LayerStrides): GPUBuffer {
  const { fanIn, fanOut, weightsOffset, parameterStride, members, capacity } = strides;
  const inputStride = capacity * fanIn;
  const words = new Uint32Array(layerWords);
  words.set([
    fanIn,
    fanOut,
    weightsOffset,
    parameterStride,
    members,
    capacity,
    inputStride,
    fanOut, // gradientColumns
    1, // slots
  ]);
  const buffer = owner.uniform("layer", words.byteLength);
  write(device, buffer, words);
  return buffer;
}

/** What a value costs beside its sum, in floating-point operations, as src/backend/webgpu/strategies/layeredPlan.ts has it. */
export const valueFlops = 64;
