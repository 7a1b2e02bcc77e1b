// forward with a register tile: one invocation computes 8 rows × 4 columns, so that every weight it loads is used 8 times
// and every input 4 times. Its columns lie tileColumns apart, so that neighbours load and store neighbouring values. No workgroup memory, no barriers; the sums have names, since arrays of them would be kept in
// memory by some compilers (2.9 times slower on SwiftShader). Buffers as in forward.wgsl.

const TILE = 8u;

override ROWS: u32 = 0u;
override SAVES_PRE_ACTIVATION: bool = false;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> layer: Layer;
@group(0) @binding(2) var<storage, read> inputs: array<f32>;
@group(0) @binding(3) var<storage, read> parameters: array<f32>;
@group(0) @binding(4) var<storage, read_write> outputs: array<f32>;
@group(0) @binding(5) var<storage, read_write> batchRows: array<u32>;

@compute @workgroup_size(64)
fn forwardTiled(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let tileColumns = (layer.fanOut + 3u) / 4u;
  let index = linearIndex(id, groups, 64u);
  let firstRow = index / tileColumns * TILE;
  let firstColumn = index % tileColumns;
  let replica = step.firstReplica + id.z;
  if (firstRow >= step.chunkRows || replica >= layer.replicas) {
    return;
  }
  // Rows and columns past the edge repeat the last one and are not stored.
  var firstInputs: array<u32, TILE>;
  for (var i = 0u; i < TILE; i++) {
    let row = min(firstRow + i, step.chunkRows - 1u);
    var source = row;
    if (ROWS == 1u) {
      source = rowAt(step.firstPosition + row, step.rowCount, step.orderKey);
      if (firstColumn == 0u && replica == 0u) {
        batchRows[row] = source;
      }
    } else if (ROWS == 2u) {
      source = batchRows[replica * layer.rowsReplicaStride + row];
    }
    firstInputs[i] = replica * layer.inputReplicaStride + source * layer.fanIn;
  }
  let columns = min(vec4u(firstColumn) + tileColumns * vec4u(0u, 1u, 2u, 3u), vec4u(layer.fanOut - 1u));
  let weights = replica * layer.parameterCount + layer.weightsOffset;
  let i0 = firstInputs[0];
  let i1 = firstInputs[1];
  let i2 = firstInputs[2];
  let i3 = firstInputs[3];
  let i4 = firstInputs[4];
  let i5 = firstInputs[5];
  let i6 = firstInputs[6];
  let i7 = firstInputs[7];
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  var s4 = vec4f();
  var s5 = vec4f();
  var s6 = vec4f();
  var s7 = vec4f();
  var at = columns + vec4u(weights);
  for (var k = 0u; k < layer.fanIn; k++) {
    let weight = vec4f(parameters[at.x], parameters[at.y], parameters[at.z], parameters[at.w]);
    s0 = fma(vec4f(inputs[i0 + k]), weight, s0);
    s1 = fma(vec4f(inputs[i1 + k]), weight, s1);
    s2 = fma(vec4f(inputs[i2 + k]), weight, s2);
    s3 = fma(vec4f(inputs[i3 + k]), weight, s3);
    s4 = fma(vec4f(inputs[i4 + k]), weight, s4);
    s5 = fma(vec4f(inputs[i5 + k]), weight, s5);
    s6 = fma(vec4f(inputs[i6 + k]), weight, s6);
    s7 = fma(vec4f(inputs[i7 + k]), weight, s7);
    at += vec4u(layer.fanOut);
  }
  let b = columns + vec4u(weights + layer.fanIn * layer.fanOut);
  let bias = vec4f(parameters[b.x], parameters[b.y], parameters[b.z], parameters[b.w]);
  var sums = array<vec4f, TILE>(s0, s1, s2, s3, s4, s5, s6, s7);
  let plane = layer.replicas * layer.capacity * layer.fanOut;
  for (var i = 0u; i < TILE && firstRow + i < step.chunkRows; i++) {
    let firstOutput = (replica * layer.capacity + firstRow + i) * layer.fanOut;
    let preActivations = sums[i] + bias;
    for (var j = 0u; j < 4u && firstColumn + j * tileColumns < layer.fanOut; j++) {
      let output = firstOutput + firstColumn + j * tileColumns;
      let preActivation = preActivations[j];
      outputs[output] = activate(preActivation);
      if (SAVES_PRE_ACTIVATION) {
        outputs[plane + output] = preActivation;
      }
    }
  }
}
