// Interface of a tensor backend. Each machine implements it once; `tensorBackendOf` gets it from a device.
// Shapes, broadcasting and gradients are decided above: a backend computes on stretches of buffers.

import type { BinaryName, Choice, UnaryName } from "../math/elementwise.ts";
import type { FloatArray } from "./executor.ts";
import type { DataType, Shape } from "./shape.ts";
import type { MatmulTuning, TuningCache } from "./tuning.ts";

/** Values in a buffer of the device, without gaps. */
export interface StoredValues<Memory = unknown> {
  readonly buffer: Memory;
  readonly dtype: DataType;
  /** Index of the first, in values. */
  readonly offset: number;
}

/** Values read or written with strides, one per dimension of the operation; 0 repeats a value. */
export interface StridedValues<Memory = unknown> extends StoredValues<Memory> {
  readonly strides: readonly number[];
}

/** Matrices in a buffer, each row-major. */
export interface StoredMatrices<Memory = unknown> extends StoredValues<Memory> {
  /** Distance of two rows, in values. */
  readonly leading: number;
  /** Distances of matrices, one per dimension of `batch`; 0 repeats. */
  readonly batchStrides: readonly number[];
}

export interface AllocationRequest {
  /** The operation, for errors. */
  readonly place: string;
  readonly label: string;
  readonly shape: Shape;
  readonly dtype: DataType;
  /** Row-major, or one number for all; without them the buffer holds anything. */
  readonly values?: ArrayLike<number> | number;
}

export interface UnaryOperation<Memory = unknown> {
  readonly name: UnaryName;
  readonly choice: Choice;
  readonly a: StoredValues<Memory>;
  readonly out: StoredValues<Memory>;
  readonly count: number;
  /** Of power. */
  readonly exponent: number;
}

export interface BinaryOperation<Memory = unknown> {
  readonly name: BinaryName;
  readonly choice: Choice;
  readonly sizes: readonly number[];
  /** A number stands for a scalar; at most one of the two. */
  readonly a: StridedValues<Memory> | number;
  readonly b: StridedValues<Memory> | number;
  /** [...sizes]. */
  readonly out: StoredValues<Memory>;
}

/** The part of what is written that has values; what is around it becomes 0. */
export interface Frame {
  readonly before: readonly number[];
  readonly inside: readonly number[];
}

export interface CopyOperation<Memory = unknown> {
  /** Of what is written. */
  readonly sizes: readonly number[];
  readonly a: StridedValues<Memory>;
  readonly out: StridedValues<Memory>;
  readonly frame?: Frame | undefined;
}

/** Reductions; kernels use the index in this list. */
export const reductionNames = ["sum", "max", "logSumExp"] as const;
export type ReductionName = (typeof reductionNames)[number];

/** Dimensions that an operation reads: their sizes, and the distances of values along them. */
export interface Dimensions {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
}

export interface ReduceOperation<Memory = unknown> {
  readonly name: ReductionName;
  readonly a: StoredValues<Memory>;
  readonly kept: Dimensions;
  readonly reduced: Dimensions;
  /** [...kept.sizes]. */
  readonly out: StoredValues<Memory>;
  /** Of a sum. */
  readonly scale: number;
}

/** Functions of a row of logits; a kernel knows them by their index here. All but the first two take values too. */
export const softmaxNames = [
  "softmax",
  "logSoftmax",
  "crossEntropySlope",
  "aboveMean",
  "softmaxSlope",
  "crossEntropy",
] as const;
export type SoftmaxName = (typeof softmaxNames)[number];

export interface SoftmaxOperation<Memory = unknown> {
  readonly name: SoftmaxName;
  /** [outer, width, inner], logits along the middle axis. */
  readonly a: StoredValues<Memory>;
  /** As a; a itself where the function takes no values. */
  readonly b: StoredValues<Memory>;
  /** As a, or [outer, 1, inner] for crossEntropy. */
  readonly out: StoredValues<Memory>;
  /** outer · inner. */
  readonly rows: number;
  readonly width: number;
  readonly inner: number;
}

/** out = op(a) · op(b) for each matrix of a batch, op(x) being x or, where `transposeA/B` says so, its transpose. */
export interface MatmulOperation<Memory = unknown> {
  /** Matrices [m, k], or [k, m] with transposeA. */
  readonly a: StoredMatrices<Memory>;
  /** Matrices [k, n], or [n, k] with transposeB. */
  readonly b: StoredMatrices<Memory>;
  /** [...batch, m, n]. */
  readonly out: StoredValues<Memory>;
  readonly batch: readonly number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/**
 * The operations of tensors on one device. `Memory` is what it keeps values in. Sizes may be 0; sizes and strides are coalesced
 * (shape.ts). Operations return before they are done, in order; only `read` waits.
 */
export interface TensorBackend<Memory = unknown> {
  /** Bytes of one buffer at most, and of a value in it. */
  readonly maxBytes: number;
  bytesPerValue(dtype: DataType): number;
  /** Feature that the device lacks to store values of a type; undefined where it can store them. */
  lacks(dtype: DataType): string | undefined;

  /** A buffer for [...shape] values, with an entry in the device's ledger. @throws LimitExceeded where there is no memory */
  allocate(request: AllocationRequest): Memory;
  /** Frees a buffer, which operations that are not done may still use. */
  release(buffer: Memory): void;
  /** Values as the device computes them: f32, or float64 where it has that. */
  read(values: StoredValues<Memory>, count: number): Promise<FloatArray>;

  /** out = f(a). */
  unary(operation: UnaryOperation<Memory>): void;
  /** out = f(a, b). */
  binary(operation: BinaryOperation<Memory>): void;
  /** out = a. */
  copy(operation: CopyOperation<Memory>): void;
  /** out += a. */
  accumulate(a: StoredValues<Memory>, out: StoredValues<Memory>, count: number): void;
  reduce(operation: ReduceOperation<Memory>): void;
  softmax(operation: SoftmaxOperation<Memory>): void;
  matmul(operation: MatmulOperation<Memory>): void;

  /** Lets products take the kernel that is fastest here; undefined where there is but one. @throws InvalidInput where they do already */
  tuneMatmul(cache: TuningCache | undefined): Promise<MatmulTuning | undefined>;
}
