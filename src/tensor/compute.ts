// Operations without derivatives: shapes are checked and turned into strides, and the device's backend computes.

import { InvalidInput } from "../errors.ts";
import type { BinaryName, Choice, UnaryName } from "../math/elementwise.ts";
import {
  broadcastShapes,
  broadcastStrides,
  coalesce,
  type DataType,
  type Shape,
  showShape,
  stridesOf,
} from "../backend/shape.ts";
import type { Frame, ReductionName, StoredValues, StridedValues, TensorBackend } from "../backend/tensorBackend.ts";
import { storedValues, tracing } from "./storage.ts";
import { allocate, partsOf, Tensor } from "./tensor.ts";

/** A tensor, or a number that stands for a scalar. */
export type Operand = Tensor | number;

const kindOf = (value: unknown): string => (Array.isArray(value) ? "an array" : value === null ? "null" : typeof value);

/** @throws InvalidInput unless every operand is a tensor */
export function requireTensors(place: string, operands: readonly unknown[]): asserts operands is readonly Tensor[] {
  const stranger = operands.findIndex((operand) => !(operand instanceof Tensor));
  if (stranger < 0 && operands.length > 0) return;
  const got = stranger < 0 ? "none" : kindOf(operands[stranger]);
  throw new InvalidInput({ place, expected: "a tensor", got, fix: "make one with tensor(device, values, shape)" });
}

/** Expected operands, for errors; `checkGradient` recognises it. */
export const oneDevice = "tensors of one device";

/** Throws unless every operand is a tensor or a number, one at least a tensor, and all tensors are on one device. */
export function requireOperands(place: string, operands: readonly Operand[]): Tensor[] {
  const tensors = operands.filter((operand) => typeof operand !== "number");
  if (tensors.length === 0) {
    const fix = "make one with tensor(device, values, shape)";
    throw new InvalidInput({ place, expected: "a tensor", got: operands.length ? "numbers only" : "none", fix });
  }
  requireTensors(place, tensors);
  const other = tensors.find(({ device }) => device !== tensors[0]!.device);
  if (!other) return tensors;
  const got = `${showShape(tensors[0]!.shape)} on ${tensors[0]!.device.name} and ${showShape(other.shape)} on ${other.device.name}`;
  throw new InvalidInput({ place, expected: oneDevice, got, fix: "make both on the same device" });
}

/** f32 as soon as one operand is. */
const widest = (tensors: readonly Tensor[]): DataType =>
  tensors.every(({ dtype }) => dtype === "f16") ? "f16" : "f32";

/** Device and backend of tensors. */
interface Operands {
  readonly backend: TensorBackend;
  readonly values: readonly StoredValues[];
}

export function operandsOf(place: string, tensors: readonly Tensor[]): Operands {
  const parts = tensors.map((tensor) => partsOf(tensor, place));
  const { tracer } = tracing;
  if (tracer) for (const { storage, offset, shape } of parts) tracer.meet(storage, offset, shape);
  return { backend: tracer ?? parts[0]!.storage.backend, values: parts.map(storedValues) };
}

/** Values from `first` on, read with strides. */
function strided(values: StoredValues, strides: readonly number[], first = 0): StridedValues {
  const { buffer, dtype, offset } = values;
  return { buffer, dtype, offset: offset + first, strides };
}

/** A tensor for the result, beside the operands. */
export function resultOf(place: string, operands: readonly Tensor[], shape: Shape, dtype = widest(operands)): Tensor {
  for (const operand of operands) partsOf(operand, place); // before anything is made
  return allocate({ place, label: place, device: operands[0]!.device, shape, dtype });
}

/** What a name leaves open, by default anything. */
const choiceOf = ({
  activation = "identity",
  order = 1,
  loss = "squaredError",
  derivative = [0, 0],
}: Partial<Choice>): Choice => ({ activation, order, loss, derivative });

export interface UnaryOptions extends Pick<Partial<Choice>, "activation"> {
  /** The operation as its caller knows it; default its name. */
  readonly place?: string;
  readonly exponent?: number;
  readonly dtype?: DataType;
}

/** f(a), value by value. */
export function computeUnary(name: UnaryName, a: Tensor, options: UnaryOptions = {}): Tensor {
  const { place = name, exponent = 0, dtype } = options;
  const choice = choiceOf(options);
  requireOperands(place, [a]);
  const result = resultOf(place, [a], a.shape, dtype);
  const { backend, values } = operandsOf(place, [a, result]);
  backend.unary({ name, choice, a: values[0]!, out: values[1]!, count: a.size, exponent });
  return result;
}

export interface BinaryOptions extends Partial<Choice> {
  readonly place?: string;
}

/** f(a, b), value by value, by NumPy's rule of broadcasting. @throws InvalidInput with both shapes where they do not fit */
export function computeBinary(name: BinaryName, a: Operand, b: Operand, options: BinaryOptions = {}): Tensor {
  const { place = name } = options;
  const choice = choiceOf(options);
  const tensors = requireOperands(place, [a, b]);
  const shape = broadcastShapes(place, tensors[0]!.shape, tensors.at(-1)!.shape);
  const result = resultOf(place, tensors, shape);
  const walk = coalesce(shape, ...tensors.map((each) => broadcastStrides(each.shape, shape)));
  const { backend, values } = operandsOf(place, [...tensors, result]);
  const take = (operand: Operand, index: number) =>
    typeof operand === "number" ? operand : strided(values[index]!, walk.strides[index]!);
  const [first, second] = [take(a, 0), take(b, tensors.length - 1)];
  backend.binary({ name, choice, sizes: walk.sizes, a: first, b: second, out: values.at(-1)! });
  return result;
}

/** Layout of a copy: its shape, and the stride in `a` along each of its axes. */
export interface CopyOptions {
  readonly place: string;
  readonly shape: Shape;
  readonly strides: readonly number[];
  /** Place of its first value in `a`. */
  readonly first?: number;
  /** Values around it become 0. */
  readonly frame?: Frame;
}

/** Values of `a`, rearranged. */
export function computeCopy(a: Tensor, options: CopyOptions): Tensor {
  requireOperands(options.place, [a]);
  const result = resultOf(options.place, [a], options.shape);
  copyInto(result, a, { ...options, outStrides: stridesOf(options.shape), outFirst: 0 });
  return result;
}

export interface CopyIntoOptions extends CopyOptions {
  readonly outStrides: readonly number[];
  readonly outFirst: number;
}

/** Writes values of `a` into a part of `out`, which nobody else holds yet. */
export function copyInto(out: Tensor, a: Tensor, options: CopyIntoOptions): void {
  const { place, shape, strides, outStrides, first = 0, outFirst, frame } = options;
  const walk = frame ? { sizes: shape, strides: [strides, outStrides] } : coalesce(shape, strides, outStrides);
  const { backend, values } = operandsOf(place, [a, out]);
  const from = strided(values[0]!, walk.strides[0]!, first);
  const to = strided(values[1]!, walk.strides[1]!, outFirst);
  backend.copy({ sizes: walk.sizes, a: from, out: to, frame });
}

/** out += a, of the same shape; nobody else may hold out. */
export function accumulateInto(out: Tensor, a: Tensor): void {
  const { backend, values } = operandsOf("accumulate", [a, out]);
  backend.accumulate(values[0]!, values[1]!, out.size);
}

/** Which axes become one value, in order, and what a sum is multiplied with. */
export interface ReduceOptions {
  readonly place?: string;
  readonly axes: readonly number[];
  readonly scale?: number;
}

/** A reduction over axes, which stay with size 1. */
export function computeReduce(name: ReductionName, a: Tensor, options: ReduceOptions): Tensor {
  const { place = name, axes, scale = 1 } = options;
  requireOperands(place, [a]);
  const shape = a.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const result = resultOf(place, [a], shape);
  const strides = stridesOf(a.shape);
  const dimensions = (isReduced: boolean) => {
    const own = a.shape.flatMap((_, axis) => (axes.includes(axis) === isReduced ? [axis] : []));
    const walk = coalesce(
      own.map((axis) => a.shape[axis]!),
      own.map((axis) => strides[axis]!),
    );
    return { sizes: walk.sizes, strides: walk.strides[0]! };
  };
  const [kept, reduced] = [dimensions(false), dimensions(true)];
  const { backend, values } = operandsOf(place, [a, result]);
  backend.reduce({ name, a: values[0]!, kept, reduced, out: values[1]!, scale });
  return result;
}

/** Sizes of a matmul: its leading dimensions and those of the matrices. */
export interface MatmulOptions {
  readonly leading: Shape;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Products of matrices, those of an operand repeated along leading dimensions where it has size 1. */
export function computeMatmul(a: Tensor, b: Tensor, options: MatmulOptions): Tensor {
  const { leading, m, n } = options;
  const operands = requireOperands("matmul", [a, b]);
  const result = resultOf("matmul", operands, [...leading, m, n]);
  const strides = operands.map(({ shape }) => {
    const matrix = shape.at(-1)! * shape.at(-2)!;
    return broadcastStrides(shape.slice(0, -2), leading).map((stride) => stride * matrix);
  });
  const { sizes: batch, strides: batchStrides } = coalesce(leading, ...strides);
  const { backend, values } = operandsOf("matmul", [a, b, result]);
  const take = (index: number) => {
    const { buffer, dtype, offset } = values[index]!;
    return { buffer, dtype, offset, leading: operands[index]!.shape.at(-1)!, batchStrides: batchStrides[index]! };
  };
  const { k, transposeA, transposeB } = options;
  backend.matmul({ a: take(0), b: take(1), out: values[2]!, batch, m, n, k, transposeA, transposeB });
  return result;
}
