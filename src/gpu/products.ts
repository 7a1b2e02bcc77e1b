// The product of tensors: one function, behind which kernels are chosen by shape. What it is given:
//   - op(a) [m, k] and op(b) [k, n] for every place in `batch`, op(x) being x or, where `transposeA/B` says so, its transpose;
//   - each matrix lies row by row in a buffer: value [row, column] of its own (untransposed) shape is at
//     offset + Σ batch index · batch stride + row · leading + column. A batch stride of 0 repeats the matrix: broadcasting;
//   - `out` [...batch, m, n] is written as a whole, from `out.offset`, without gaps; nothing before or behind it is touched;
//   - `batch` has as few dimensions as do (shape.ts: coalesce): usually none or one;
//   - any of the sizes may be 0: with k = 0 the product is 0, and without values nothing is dispatched;
//   - values are stored as f32 or f16 and computed in f32. Out never lies in a buffer of a or b.
// Sums keep to max(4, k/10) · 2⁻²⁴ · Σ|a||b|, and are the same bits for the same shapes on the same device. Dispatches go through
// `Commands`; scratch buffers come from its pool and may be released as soon as the last dispatch that uses them is recorded.

import type { DataType } from "../shape.ts";
import { commandsOf } from "./commands.ts";
import type { GpuDevice } from "./device.ts";
import { tensorKernel } from "./kernels.ts";
import { padded } from "./strides.ts";

/** Matrices in a buffer. */
export interface MatrixOperand {
  readonly buffer: GPUBuffer;
  readonly dtype: DataType;
  /** Place of the first value, in values. */
  readonly offset: number;
  /** Distance of two rows, in values. */
  readonly leading: number;
  /** Distances of matrices, one per dimension of `batch`; 0 repeats. */
  readonly batchStrides: readonly number[];
}

export interface MatmulRequest {
  readonly device: GpuDevice;
  readonly a: MatrixOperand;
  readonly b: MatrixOperand;
  readonly out: Pick<MatrixOperand, "buffer" | "dtype" | "offset">;
  readonly batch: readonly number[];
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Records out = op(a) · op(b). */
export function encodeMatmul(request: MatmulRequest): void {
  encodePlain(request);
}

/** Words between `batchRank` and the next vec4u of shaders/matmul.wgsl. */
const aligned = [0, 0, 0];

/** One invocation per value. */
function encodePlain({ device, a, b, out, batch, m, n, k, transposeA, transposeB }: MatmulRequest): void {
  const count = batch.reduce((product, size) => product * size, 1);
  const steps = (operand: MatrixOperand, isTransposed: boolean): number[] =>
    isTransposed ? [1, operand.leading] : [operand.leading, 1];
  commandsOf(device).dispatchValues({
    source: tensorKernel("matmul", [a.dtype, b.dtype, out.dtype]),
    bound: [a.buffer, b.buffer, out.buffer],
    values: count * m * n,
    operations: 2 * k + 1,
    integers: [
      m,
      n,
      k,
      a.offset,
      b.offset,
      out.offset,
      ...steps(a, transposeA),
      ...steps(b, transposeB),
      batch.length,
      ...aligned,
      ...padded(batch),
      ...padded(a.batchStrides),
      ...padded(b.batchStrides),
    ],
  });
}
