// What the products of a layer have in common: z of the dispatch is the member.

#import step
#import matmulHooks

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> layer: Layer;

fn firstInvocation() -> u32 { return 0u; }

fn rightColumns(columns: vec4u, right: Matrix) -> vec4u { return columns * right.column; }

// Weights of the layer [fanIn, fanOut], behind which its bias lies.
fn weightsOf(member: u32) -> Matrix {
  return Matrix(member * layer.parameterCount + layer.weightsOffset, layer.fanOut, 1u);
}
