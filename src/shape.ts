// Shapes of tensors: sizes of dimensions, outermost first. Strides are distances in values; a stride of 0 repeats a value.

/** How values are stored on a GPU; they are computed in f32. */
export type DataType = "f32" | "f16";

/** Dimensions of a tensor at most: what fits the uniforms of shaders/strides.wgsl. */
export const maxRank = 8;
