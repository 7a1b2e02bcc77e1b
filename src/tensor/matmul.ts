import { InvalidInput, requireOptions } from "../errors.ts";
import { broadcastShapes, type Shape, showShape, sizeOf } from "../backend/shape.ts";
import { computeMatmul, requireTensors } from "./compute.ts";
import { reshape, sumTo } from "./layout.ts";
import { record } from "./tape.ts";
import { keepingResult } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

export interface TransposeOptions {
  /** Take the transpose of every matrix of `a`; default false. */
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

interface Sizes {
  readonly leading: Shape;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Sizes of a product. @throws InvalidInput with both shapes */
function sizesOf(a: Shape, b: Shape, { transposeA, transposeB }: Required<TransposeOptions>): Sizes {
  const shown = `${showShape(a)}${transposeA ? " transposed" : ""} and ${showShape(b)}${transposeB ? " transposed" : ""}`;
  const expected = "shapes [..., m, k] and [..., k, n]";
  const [m, k] = transposeA ? [a.at(-1), a.at(-2)] : [a.at(-2), a.at(-1)];
  const [rows, n] = transposeB ? [b.at(-1), b.at(-2)] : [b.at(-2), b.at(-1)];
  if (m === undefined || k === undefined || rows === undefined || n === undefined) {
    const fix = "reshape a vector to [1, k] or [k, 1]";
    throw new InvalidInput({ place: "matmul", expected, got: shown, fix });
  }
  if (k !== rows) {
    const fix = `inner dimensions differ (${k} ≠ ${rows}): transpose or reshape one of them`;
    throw new InvalidInput({ place: "matmul", expected, got: shown, fix });
  }
  return { leading: broadcastShapes("matmul", a.slice(0, -2), b.slice(0, -2)), m, n, k };
}

/** True where one matrix serves all places of the other's batch, whose rows then make one large matrix. */
const isShared = (b: Tensor, a: Tensor): boolean => sizeOf(b.shape.slice(0, -2)) === 1 && a.shape.length > 2;

/** All rows of a batch of matrices. */
const flat = (a: Tensor): Tensor => reshape(a, [sizeOf(a.shape.slice(0, -1)), a.shape.at(-1)!]);
const single = (b: Tensor): Tensor => reshape(b, b.shape.slice(-2));

/**
 * Products of matrices: op(a) · op(b) for each place of the leading dimensions, which follow NumPy's rule of broadcasting.
 * @param a [..., m, k], or [..., k, m] with transposeA
 * @param b [..., k, n], or [..., n, k] with transposeB
 * @returns [..., m, n]
 * @throws InvalidInput with both shapes where they do not fit
 */
export function matmul(a: Tensor, b: Tensor, options: TransposeOptions = {}): Tensor {
  requireTensors("matmul", [a, b]);
  requireOptions("matmul", options, ["transposeA", "transposeB"]);
  const { transposeA = false, transposeB = false } = options;
  const sizes = sizesOf(a.shape, b.shape, { transposeA, transposeB });
  if (!transposeA && isShared(b, a) && a.size > 0) {
    const shape = [...sizes.leading, sizes.m, sizes.n];
    return keepingResult(() => reshape(matmul(flat(a), single(b), { transposeB }), shape));
  }
  const output = computeMatmul(a, b, { ...sizes, transposeA, transposeB });
  return record(output, [a, b], (keep) => {
    const [x, y] = [keep(a), keep(b)];
    return [
      (dOutput) => {
        const dA = transposeA
          ? matmul(y, dOutput, { transposeA: transposeB, transposeB: true })
          : matmul(dOutput, y, { transposeB: !transposeB });
        return sumTo(dA, x.shape);
      },
      (dOutput) => {
        const dB = transposeB
          ? matmul(dOutput, x, { transposeA: true, transposeB: transposeA })
          : matmul(x, dOutput, { transposeA: !transposeA });
        return sumTo(dB, y.shape);
      },
    ];
  });
}
