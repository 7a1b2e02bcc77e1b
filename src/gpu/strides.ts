import { maxRank } from "../shape.ts";

/** Sizes or strides as the uniforms of shaders/strides.wgsl hold them. */
export const padded = (values: readonly number[]): number[] =>
  Array.from({ length: maxRank }, (_, axis) => values[axis] ?? 0);
