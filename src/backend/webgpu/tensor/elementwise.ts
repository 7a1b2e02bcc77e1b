// Functions of tensors value by value: what their kernels are told.

import { type DataType, maxRank } from "../../shape.ts";
import { type CommandQueue, commandQueueOf } from "./commandQueue.ts";
import type { GpuDevice } from "../device.ts";
import { type ElementFunction, tensorKernel } from "./tensorKernels.ts";
import { axesOf, quadsOf } from "./strides.ts";

/** Values in a buffer, without gaps. */
export interface StoredValues {
  readonly buffer: GPUBuffer;
  readonly dtype: DataType;
  /** Place of the first, in values. */
  readonly offset: number;
}

/** Operations of one value by which long dispatches are cut: an activation, and what its place costs. */
const valueOperations = 32;

export interface UnaryRequest {
  readonly device: GpuDevice;
  readonly compute: ElementFunction;
  readonly a: StoredValues;
  readonly out: StoredValues;
  readonly count: number;
  readonly exponent: number;
}

/** Records out = compute(a). */
export function encodeUnary({ device, compute, a, out, count, exponent }: UnaryRequest): void {
  commandQueueOf(device).dispatchValues({
    source: tensorKernel("unary", [a.dtype, out.dtype], compute),
    bound: [a.buffer, out.buffer],
    values: Math.ceil(count / 4),
    operations: 4 * valueOperations,
    uniform: { aOffset: a.offset, outOffset: out.offset, count, exponent },
  });
}

/** Records out += a. */
export function encodeAccumulate(device: GpuDevice, a: StoredValues, out: StoredValues, count: number): void {
  commandQueueOf(device).dispatchValues({
    source: tensorKernel("accumulate", [a.dtype, out.dtype]),
    bound: [a.buffer, out.buffer],
    values: Math.ceil(count / 4),
    operations: 4 * valueOperations,
    uniform: { aOffset: a.offset, outOffset: out.offset, count },
  });
}

/** Values read with strides, one per dimension of the result. */
export interface StridedValues extends StoredValues {
  readonly strides: readonly number[];
}

export interface BinaryRequest {
  readonly device: GpuDevice;
  readonly compute: ElementFunction;
  readonly sizes: readonly number[];
  /** A number, at most one of the two. */
  readonly a: StridedValues | number;
  readonly b: StridedValues | number;
  readonly out: StoredValues;
}

/** Records out = compute(a, b). */
export function encodeBinary(request: BinaryRequest): void {
  const { device, compute, sizes, a, b, out } = request;
  const tensors = [a, b].filter((operand) => typeof operand !== "number");
  // A number stands in the uniform; its binding then holds the other operand, unread.
  const [first, second] = [tensors[0]!, tensors.at(-1)!];
  const number = [a, b].find((operand) => typeof operand === "number") ?? 0;
  const axes = axesOf([sizes, first.strides, second.strides], [1, 0, 0]);
  const offsets = { aOffset: first.offset, bOffset: second.offset, outOffset: out.offset };
  const which = typeof a === "number" ? 1 : typeof b === "number" ? 2 : 0;
  commandQueueOf(device).dispatchValues({
    source: tensorKernel("binary", [first.dtype, second.dtype, out.dtype], compute),
    constants: { NUMBER: which, RANK: axes.rank },
    bound: [first.buffer, second.buffer, out.buffer],
    values: quadsOf(sizes),
    operations: 4 * valueOperations,
    uniform: { ...offsets, axes: axes.words, number },
  });
}

export interface CopyRequest {
  readonly device: GpuDevice;
  /** Of what is written. */
  readonly sizes: readonly number[];
  readonly a: StridedValues;
  readonly out: StridedValues;
  /** Values outside of it become 0. */
  readonly frame?: { readonly before: readonly number[]; readonly inside: readonly number[] } | undefined;
  /** What records it; default: that of the device's tensors. */
  readonly commands?: CommandQueue;
}

/** Records out = a. */
export function encodeCopy({ device, sizes, a, out, frame, commands = commandQueueOf(device) }: CopyRequest): void {
  const axes = axesOf([sizes, a.strides, out.strides], [1, 0, 0]);
  const around = Array.from({ length: maxRank }, (_, axis) => [frame?.before[axis] ?? 0, frame?.inside[axis] ?? 1]);
  commands.dispatchValues({
    source: tensorKernel("copy", [a.dtype, out.dtype]),
    constants: { PADS: frame ? 1 : 0, RANK: axes.rank },
    bound: [a.buffer, out.buffer],
    values: quadsOf(sizes),
    operations: 4 * valueOperations,
    uniform: { aOffset: a.offset, outOffset: out.offset, axes: axes.words, frame: around.flat() },
  });
}
