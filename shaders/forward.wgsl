// outputs = activate(inputs · weights + bias), plus the values of another node where a residual connection ends here.
// `activate` is written by src/backend/webgpu/emit/emitFunctions.ts, `withResidual` by src/backend/webgpu/kernels.ts.
//   inputs     [members or 1, rows, fanIn]      the data set for the first layer
//   parameters [members, parameterCount]
//   outputs    [members, capacity, fanOut]      behind nodeStride samples pre-activations, where the derivative needs them
//   batchRows  [members or 1, capacity]         written by the first layer or by sampleBatch: which row each sample is

#import shuffle
#import layerMatmul
#expects fn activate(z: f32) -> f32
#expects fn withResidual(output: u32, value: f32) -> f32

override ROWS: u32 = 0u;                      // 0 as they lie; first layer: 1 in the epoch's order, 2 as sampleBatch has drawn them
override SAVES_PRE_ACTIVATION: bool = false;

const COLUMN_SUMS = false;
const HAS_BIAS = true;

@group(0) @binding(2) var<storage, read> inputs: array<f32>;
@group(0) @binding(3) var<storage, read> parameters: array<f32>;
@group(0) @binding(4) var<storage, read_write> outputs: array<f32>;
@group(0) @binding(5) var<storage, read_write> batchRows: array<u32>;
@group(0) @binding(6) var<storage, read> parameterFours: array<vec4f>; // parameters once more

fn leftValue(at: u32) -> f32 { return inputs[at]; }
fn rightValue(at: u32) -> f32 { return parameters[at]; }
fn rightFour(at: u32) -> vec4f { return parameterFours[at / 4u]; }

fn productSize() -> vec2u { return vec2u(step.chunkRows, layer.fanOut); }

fn productAt(invocation: u32, count: u32, z: u32) -> Product {
  let member = step.firstMember + z;
  return Product(
    invocation < count && member < layer.members,
    member,
    Matrix(member * layer.inputMemberStride, layer.fanIn, 1u),
    weightsOf(member),
    Matrix(member * layer.capacity * layer.fanOut, layer.fanOut, 1u),
    Blocks(0u, layer.fanIn, layer.fanIn, layer.fanIn),
  );
}

// Row of the inputs that a row of the chunk takes; the first invocation of a row writes down what was drawn.
fn leftRow(row: u32, member: u32, isFirst: bool) -> u32 {
  if (ROWS == 0u) {
    return row;
  }
  if (ROWS == 2u) {
    return batchRows[member * layer.rowsMemberStride + row];
  }
  let source = rowAt(step.firstPosition + row, step.rowCount, step.orderKey);
  if (isFirst && member == 0u) {
    batchRows[row] = source;
  }
  return source;
}

fn leftColumn(k: u32, member: u32) -> u32 { return k; }

fn biasOf(product: Product, columns: vec4u) -> vec4f {
  return rightValues(product.right.first + layer.fanIn * layer.fanOut + columns);
}

fn storeValue(output: u32, preActivation: f32) {
  outputs[output] = withResidual(output, activate(preActivation));
  if (SAVES_PRE_ACTIVATION) {
    outputs[layer.nodeStride * layer.fanOut + output] = preActivation;
  }
}
