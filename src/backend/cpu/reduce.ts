import type { Dimensions, ReductionName } from "../tensorBackend.ts";
import { placeOf } from "./stridedIndex.ts";

export interface ReduceArguments {
  readonly name: ReductionName;
  readonly a: Float64Array;
  readonly kept: Dimensions;
  readonly reduced: Dimensions;
  /** [...kept.sizes], written. */
  readonly out: Float64Array;
  /** Of a sum. */
  readonly scale: number;
}

const combine: Record<ReductionName, (values: Float64Array, scale: number) => number> = {
  sum: (values, scale) => scale * values.reduce((sum, value) => sum + value, 0),
  max: (values) => values.reduce((largest, value) => Math.max(largest, value), Number.NEGATIVE_INFINITY),
  logSumExp: (values) => {
    const largest = combine.max(values, 1);
    if (Math.abs(largest) === Number.POSITIVE_INFINITY) return largest;
    // With the largest apart: 1 + rest would swallow a small rest.
    const place = values.indexOf(largest);
    return (
      largest + Math.log1p(values.reduce((sum, value, at) => sum + (at === place ? 0 : Math.exp(value - largest)), 0))
    );
  },
};

/** Sum, largest value or log Σ exp over some dimensions. CPU reference of `shaders/reduce.wgsl`. */
export function reduce({ name, a, kept, reduced, out, scale }: ReduceArguments): void {
  const count = reduced.sizes.reduce((product, size) => product * size, 1);
  const values = new Float64Array(count);
  for (let index = 0; index < out.length; index++) {
    const first = placeOf(index, kept.sizes, kept.strides);
    for (let at = 0; at < count; at++) values[at] = a[first + placeOf(at, reduced.sizes, reduced.strides)]!;
    out[index] = combine[name](values, scale);
  }
}
