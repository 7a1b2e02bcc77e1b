// Sizes and strides of up to 8 dimensions, outermost first, in a uniform: src/backend/webgpu/tensor/strides.ts writes them.

#import grid

alias PerAxis = array<vec4u, 2>;

fn ofAxis(values: PerAxis, axis: u32) -> u32 {
  return values[axis / 4u][axis % 4u];
}
