// dInputs = slopeProduct(dOutputs · weightsᵀ, inputs): the gradient by the pre-activations of the layer before, whose activations are
// this layer's inputs.
//   dOutputs   [members, capacity, gradientColumns]
//   parameters [members, parameterCount]
//   inputs     [members, capacity, fanIn]           outputs of the layer before, in plane 1 pre-activations
//   dInputs    [members, capacity, fanIn]           in plane 1 the gradient by the inputs themselves, where others read it
// `slopeProduct` is that of the layer before, written by src/backend/webgpu/emit/emitFunctions.ts.

#import layerMatmul
#expects fn slopeProduct(d: f32, saved: f32) -> f32

override SAVED_PLANE: u32 = 0u;
override KEEPS: bool = false;  // stores the gradient without the slope as well

const COLUMN_SUMS = false;
const HAS_BIAS = false;

@group(0) @binding(2) var<storage, read> dOutputs: array<f32>;
@group(0) @binding(3) var<storage, read> parameters: array<f32>;
@group(0) @binding(4) var<storage, read> inputs: array<f32>;
@group(0) @binding(5) var<storage, read_write> dInputs: array<f32>;
@group(0) @binding(6) var<storage, read> parameterFours: array<vec4f>; // parameters once more

fn leftValue(at: u32) -> f32 { return dOutputs[at]; }
fn rightValue(at: u32) -> f32 { return parameters[at]; }
fn rightFour(at: u32) -> vec4f { return parameterFours[at / 4u]; }

fn productSize() -> vec2u { return vec2u(step.chunkRows, layer.fanIn); }

fn productAt(invocation: u32, count: u32, z: u32) -> Product {
  let member = step.firstMember + z;
  let weights = weightsOf(member);
  return Product(
    invocation < count && member < layer.members,
    member,
    Matrix(member * layer.capacity * layer.gradientColumns, layer.gradientColumns, 1u),
    Matrix(weights.first, weights.column, weights.row),
    Matrix(member * layer.capacity * layer.fanIn, layer.fanIn, 1u),
    Blocks(0u, layer.fanOut, layer.fanOut, layer.fanOut),
  );
}

fn leftRow(row: u32, member: u32, isFirst: bool) -> u32 { return row; }
fn leftColumn(k: u32, member: u32) -> u32 { return k; }
fn biasOf(product: Product, columns: vec4u) -> vec4f { return vec4f(); }

fn storeValue(input: u32, sum: f32) {
  let plane = SAVED_PLANE * layer.nodeStride * layer.fanIn;
  dInputs[input] = slopeProduct(sum, inputs[plane + input]);
  if (KEEPS) {
    dInputs[layer.nodeStride * layer.fanIn + input] = sum;
  }
}
