import { aboveMean, crossEntropy, crossEntropySlope, logSoftmax, softmax, softmaxSlope } from "../../math/softmax.ts";
import type { SoftmaxName } from "../tensorBackend.ts";

const rowFunctions: Record<SoftmaxName, (logits: Float64Array, values: Float64Array) => Float64Array> = {
  softmax,
  logSoftmax,
  crossEntropySlope,
  aboveMean,
  softmaxSlope,
  crossEntropy: (logits, values) => Float64Array.of(crossEntropy(logits, values)),
};

export interface SoftmaxRowsArguments {
  readonly name: SoftmaxName;
  /** [outer, width, inner], logits along the middle axis. */
  readonly a: Float64Array;
  /** As a, where the function takes values; else a. */
  readonly b: Float64Array;
  readonly rows: number;
  readonly width: number;
  readonly inner: number;
  /** As a, or [outer, 1, inner] for crossEntropy; written. */
  readonly out: Float64Array;
}

/** A function of every row. CPU reference of `shaders/softmaxRows.wgsl`. */
export function softmaxRows({ name, a, b, rows, width, inner, out }: SoftmaxRowsArguments): void {
  for (let row = 0; row < rows; row++) {
    const [outer, within] = [Math.floor(row / inner), row % inner];
    const rowOf = (values: Float64Array): Float64Array =>
      Float64Array.from({ length: width }, (_, column) => values[(outer * width + column) * inner + within]!);
    const result = rowFunctions[name](rowOf(a), rowOf(b));
    for (const [column, value] of result.entries()) out[(outer * result.length + column) * inner + within] = value;
  }
}
