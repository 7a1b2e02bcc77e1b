import type { Frame } from "../tensorBackend.ts";
import { placeOf } from "./stridedIndex.ts";

export interface CopyArguments {
  /** Of what is written. */
  readonly sizes: readonly number[];
  readonly a: Float64Array;
  readonly aStrides: readonly number[];
  readonly out: Float64Array;
  readonly outStrides: readonly number[];
  readonly frame?: Frame | undefined;
}

/** Index in `a` of a place in `out`; undefined outside the frame. */
function sourceOf({ sizes, aStrides, frame }: CopyArguments, index: number): number | undefined {
  if (!frame) return placeOf(index, sizes, aStrides);
  let rest = index;
  let at = 0;
  for (let axis = sizes.length - 1; axis >= 0; axis--) {
    const place = (rest % sizes[axis]!) - frame.before[axis]!;
    if (place < 0 || place >= frame.inside[axis]!) return undefined;
    at += place * aStrides[axis]!;
    rest = Math.floor(rest / sizes[axis]!);
  }
  return at;
}

/** out = a, read and written with strides. CPU reference of `shaders/copy.wgsl`. */
export function copy(options: CopyArguments): void {
  const { sizes, a, out, outStrides } = options;
  const count = sizes.reduce((product, size) => product * size, 1);
  for (let index = 0; index < count; index++) {
    const source = sourceOf(options, index);
    out[placeOf(index, sizes, outStrides)] = source === undefined ? 0 : a[source]!;
  }
}
