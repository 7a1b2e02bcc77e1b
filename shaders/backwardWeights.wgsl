// gradients of weights and bias of one layer: inputsᵀ · dOutputs and the column sums of dOutputs, which follow the weights as the bias
// does in the flat parameter layout. In the last layer one more column follows, the loss: it rides as the last column of dOutputs, and
// only its sum is stored.
//   inputs    [members or 1, rows, fanIn]
//   dOutputs  [members, capacity, gradientColumns]
//   batchRows [members or 1, capacity]
//   gradients [splits, members, parameterCount + 1]   split s sums slices s, s + splits, … of SLICE_ROWS samples in order

#import layerMatmul

const SLICE_ROWS = 128u;

override GATHERS: bool = false;  // first layer: samples lie in the data set, at batchRows

const COLUMN_SUMS = true;
const HAS_BIAS = false;

@group(0) @binding(2) var<storage, read> inputs: array<f32>;
@group(0) @binding(3) var<storage, read> dOutputs: array<f32>;
@group(0) @binding(4) var<storage, read> batchRows: array<u32>;
@group(0) @binding(5) var<storage, read_write> gradients: array<f32>;
@group(0) @binding(6) var<storage, read> dOutputFours: array<vec4f>; // dOutputs once more

fn leftValue(at: u32) -> f32 { return inputs[at]; }
fn rightValue(at: u32) -> f32 { return dOutputs[at]; }
fn rightFour(at: u32) -> vec4f { return dOutputFours[at / 4u]; }

fn productSize() -> vec2u { return vec2u(layer.fanIn, layer.gradientColumns); }

fn productAt(invocation: u32, count: u32, z: u32) -> Product {
  let split = invocation / count;
  let member = step.firstMember + z;
  let own = (split * layer.members + member) * (layer.parameterCount + 1u);
  return Product(
    split < layer.splits && member < layer.members,
    member,
    Matrix(member * layer.inputMemberStride, 1u, layer.fanIn),
    Matrix(member * layer.capacity * layer.gradientColumns, layer.gradientColumns, 1u),
    Matrix(own + layer.weightsOffset, layer.fanOut, 1u),
    Blocks(split * SLICE_ROWS, step.chunkRows, SLICE_ROWS, layer.splits * SLICE_ROWS),
  );
}

fn leftRow(row: u32, member: u32, isFirst: bool) -> u32 { return row; }

fn leftColumn(k: u32, member: u32) -> u32 {
  if (GATHERS) {
    return batchRows[member * layer.rowsMemberStride + k];
  }
  return k;
}

fn biasOf(product: Product, columns: vec4u) -> vec4f { return vec4f(); }

// Adds to what the chunks before have left, or starts it.
fn storeValue(at: u32, sum: f32) {
  var before = 0.0;
  if (step.firstRow != 0u) {
    before = gradients[at];
  }
  gradients[at] = before + sum;
}
