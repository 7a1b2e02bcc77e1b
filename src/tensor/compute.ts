// Operations without derivatives: each runs the kernel of its name on a GPU, or the CPU reference.

import { accumulate } from "../backend/cpu/accumulate.ts";
import { binary } from "../backend/cpu/binary.ts";
import { copy, type Frame } from "../backend/cpu/copy.ts";
import { matmul } from "../backend/cpu/matmul.ts";
import { reduce, type ReductionName, reductionNames } from "../backend/cpu/reduce.ts";
import { unary } from "../backend/cpu/unary.ts";
import { InvalidInput } from "../errors.ts";
import {
  encodeAccumulate,
  encodeBinary,
  encodeCopy,
  encodeUnary,
  type StoredValues,
} from "../backend/webgpu/tensor/elementwise.ts";
import { encodeMatmul } from "../backend/webgpu/tensor/matmul.ts";
import { encodeReduce } from "../backend/webgpu/tensor/reductions.ts";
import {
  binaryExpression,
  type BinaryName,
  type Choice,
  type UnaryName,
  unaryExpression,
} from "../math/elementwise.ts";
import { binaryFunction, unaryFunction } from "../backend/webgpu/tensor/elementFunctions.ts";
import {
  broadcastShapes,
  broadcastStrides,
  coalesce,
  type DataType,
  type Shape,
  showShape,
  stridesOf,
} from "../backend/shape.ts";
import type { CpuStorage, GpuStorage } from "./storage.ts";
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

/** What operands must be of: `checkGradient` explains it. */
export const oneDevice = "tensors of one device";

/** Throws unless every operand is a tensor or a number, one at least a tensor, and all tensors are on one device. */
export function requireOperands(place: string, operands: readonly Operand[]): Tensor[] {
  const tensors = operands.filter((operand) => typeof operand !== "number");
  if (tensors.length === 0) {
    const fix = "make one with tensor(device, values, shape)";
    throw new InvalidInput({ place, expected: "a tensor", got: operands.length ? "numbers alone" : "none", fix });
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

/** Where the values of tensors are: all on a GPU, or all on the CPU. */
type Places =
  | { readonly device: GpuStorage["device"]; readonly gpu: readonly StoredValues[] }
  | { readonly device: undefined; readonly cpu: readonly Float64Array[] };

export function placesOf(place: string, tensors: readonly Tensor[]): Places {
  const parts = tensors.map((tensor) => partsOf(tensor, place));
  const { storage } = parts[0]!;
  if (!("buffer" in storage)) {
    return { device: undefined, cpu: parts.map((part) => (part.storage as CpuStorage).values.subarray(part.offset)) };
  }
  const gpu = parts.map((part) => ({
    buffer: (part.storage as GpuStorage).buffer,
    dtype: part.dtype,
    offset: part.offset,
  }));
  return { device: storage.device, gpu };
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
  const places = placesOf(place, [a, result]);
  if (places.device) {
    const [from, out] = places.gpu as [StoredValues, StoredValues];
    encodeUnary({ device: places.device, compute: unaryFunction(name, choice), a: from, out, count: a.size, exponent });
  } else unary({ expression: unaryExpression(name, choice), a: places.cpu[0]!, out: places.cpu[1]!, exponent });
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
  const places = placesOf(place, [...tensors, result]);
  // Every operand with its strides; a number stays one.
  const take = <T>(made: (index: number) => T): [T | number, T | number] => {
    const first = typeof a === "number" ? a : made(0);
    return [first, typeof b === "number" ? b : made(tensors.length - 1)];
  };
  if (places.device) {
    const [first, second] = take((index) => ({ ...places.gpu[index]!, strides: walk.strides[index]! }));
    encodeBinary({
      device: places.device,
      compute: binaryFunction(name, choice),
      sizes: walk.sizes,
      a: first,
      b: second,
      out: places.gpu.at(-1)!,
    });
    return result;
  }
  const [first, second] = take((index) => ({ values: places.cpu[index]!, strides: walk.strides[index]! }));
  const out = places.cpu.at(-1)!;
  binary({
    expression: binaryExpression(name, choice),
    sizes: walk.sizes,
    a: first,
    b: second,
    out: out.subarray(0, result.size),
  });
  return result;
}

/** How a copy reads: the shape it makes, and the distance of values in `a` along each of its axes. */
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
  const [aStrides, toStrides] = walk.strides as [number[], number[]];
  const places = placesOf(place, [a, out]);
  if (places.device) {
    const [from, to] = places.gpu.map((each, index) => ({
      ...each,
      offset: each.offset + [first, outFirst][index]!,
      strides: walk.strides[index]!,
    }));
    encodeCopy({ device: places.device, sizes: walk.sizes, a: from!, out: to!, frame });
    return;
  }
  const [from, to] = [places.cpu[0]!.subarray(first), places.cpu[1]!.subarray(outFirst)];
  copy({ sizes: walk.sizes, a: from, aStrides, out: to, outStrides: toStrides, frame });
}

/** out += a, of the same shape; nobody else may hold out. */
export function accumulateInto(out: Tensor, a: Tensor): void {
  const places = placesOf("accumulate", [a, out]);
  if (places.device) encodeAccumulate(places.device, places.gpu[0]!, places.gpu[1]!, out.size);
  else accumulate(places.cpu[0]!, places.cpu[1]!.subarray(0, out.size));
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
  const places = placesOf(place, [a, result]);
  if (places.device) {
    const [from, out] = places.gpu as [StoredValues, StoredValues];
    encodeReduce({
      device: places.device,
      operation: reductionNames.indexOf(name),
      a: from,
      kept,
      reduced,
      out,
      scale,
    });
  } else reduce({ name, a: places.cpu[0]!, kept, reduced, out: places.cpu[1]!, scale });
  return result;
}

/** What a product takes: its leading dimensions and the matrices' own. */
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
  const places = placesOf("matmul", [a, b, result]);
  const row = (index: number) => ({ leading: operands[index]!.shape.at(-1)!, batchStrides: batchStrides[index]! });
  if (places.device) {
    const [first, second, out] = places.gpu as [StoredValues, StoredValues, StoredValues];
    const [left, right] = [
      { ...first, ...row(0) },
      { ...second, ...row(1) },
    ];
    encodeMatmul({ ...options, device: places.device, batch, a: left, b: right, out });
    return result;
  }
  const [left, right] = [0, 1].map((index) => ({ values: places.cpu[index]!, offset: 0, ...row(index) }));
  matmul({ ...options, batch, a: left!, b: right!, out: places.cpu[2]! });
  return result;
}
