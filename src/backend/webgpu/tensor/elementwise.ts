// Elementwise functions of tensors: parameters of their kernels.

import { maxRank } from "../../shape.ts";
import type { BinaryOperation, CopyOperation, StoredValues, UnaryOperation } from "../../tensorBackend.ts";
import { type CommandQueue, commandQueueOf } from "./commandQueue.ts";
import type { GpuDevice } from "../device.ts";
import { binaryFunction, unaryFunction } from "./elementFunctions.ts";
import { axesOf, quadsOf } from "./strides.ts";

type Stored = StoredValues<GPUBuffer>;

/** Operations of one value by which long dispatches are cut: an activation, and what its place costs. */
const valueOperations = 32;

/** Records out = f(a). */
export function encodeUnary(device: GpuDevice, operation: UnaryOperation<GPUBuffer>): void {
  const { name, choice, a, out, count, exponent } = operation;
  commandQueueOf(device).dispatchValues({
    kernel: { name: "unary", types: [a.dtype, out.dtype], compute: unaryFunction(name, choice) },
    bound: [a.buffer, out.buffer],
    values: Math.ceil(count / 4),
    operations: 4 * valueOperations,
    uniform: { aOffset: a.offset, outOffset: out.offset, count, exponent },
  });
}

/** Records out += a. */
export function encodeAccumulate(device: GpuDevice, a: Stored, out: Stored, count: number): void {
  commandQueueOf(device).dispatchValues({
    kernel: { name: "accumulate", types: [a.dtype, out.dtype] },
    bound: [a.buffer, out.buffer],
    values: Math.ceil(count / 4),
    operations: 4 * valueOperations,
    uniform: { aOffset: a.offset, outOffset: out.offset, count },
  });
}

/** Records out = f(a, b). */
export function encodeBinary(device: GpuDevice, operation: BinaryOperation<GPUBuffer>): void {
  const { name, choice, sizes, a, b, out } = operation;
  const tensors = [a, b].filter((operand) => typeof operand !== "number");
  // A number stands in the uniform; its binding then holds the other operand, unread.
  const [first, second] = [tensors[0]!, tensors.at(-1)!];
  const number = [a, b].find((operand) => typeof operand === "number") ?? 0;
  const axes = axesOf([sizes, first.strides, second.strides], [1, 0, 0]);
  const offsets = { aOffset: first.offset, bOffset: second.offset, outOffset: out.offset };
  const which = typeof a === "number" ? 1 : typeof b === "number" ? 2 : 0;
  commandQueueOf(device).dispatchValues({
    kernel: { name: "binary", types: [first.dtype, second.dtype, out.dtype], compute: binaryFunction(name, choice) },
    constants: { NUMBER: which, RANK: axes.rank },
    bound: [first.buffer, second.buffer, out.buffer],
    values: quadsOf(sizes),
    operations: 4 * valueOperations,
    uniform: { ...offsets, axes: axes.words, number },
  });
}

/** Records out = a, in the commands given or else those of the device's tensors. */
export function encodeCopy(
  device: GpuDevice,
  { sizes, a, out, frame }: CopyOperation<GPUBuffer>,
  commands: CommandQueue = commandQueueOf(device),
): void {
  const axes = axesOf([sizes, a.strides, out.strides], [1, 0, 0]);
  const around = Array.from({ length: maxRank }, (_, axis) => [frame?.before[axis] ?? 0, frame?.inside[axis] ?? 1]);
  commands.dispatchValues({
    kernel: { name: "copy", types: [a.dtype, out.dtype] },
    constants: { PADS: frame ? 1 : 0, RANK: axes.rank },
    bound: [a.buffer, out.buffer],
    values: quadsOf(sizes),
    operations: 4 * valueOperations,
    uniform: { aOffset: a.offset, outOffset: out.offset, axes: axes.words, frame: around.flat() },
  });
}
