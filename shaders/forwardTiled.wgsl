// forward with a register tile: one invocation computes TILE rows × 4 columns, so that every value it loads is used
// 4 times. No workgroup memory and no barriers. Buffers as in forward.wgsl.

const TILE = 4u;

override DRAWS: bool = false;
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
  let firstColumn = index % tileColumns * 4u;
  let replica = id.z;
  if (firstRow >= step.chunkRows) {
    return;
  }
  // Rows and columns past the edge repeat the last one and are not stored.
  var firstInputs: array<u32, TILE>;
  for (var i = 0u; i < TILE; i++) {
    let row = min(firstRow + i, step.chunkRows - 1u);
    var source = row;
    if (DRAWS) {
      source = rowAt(step.firstPosition + row, step.rowCount, step.orderKey, step.shuffled);
      if (firstColumn == 0u && replica == 0u) {
        batchRows[row] = source;
      }
    }
    firstInputs[i] = replica * layer.inputReplicaStride + source * layer.fanIn;
  }
  let columns = min(vec4u(firstColumn) + vec4u(0u, 1u, 2u, 3u), vec4u(layer.fanOut - 1u));
  let weights = replica * layer.parameterCount + layer.weightsOffset;
  var sums: array<vec4f, TILE>;
  for (var k = 0u; k < layer.fanIn; k++) {
    let at = columns + vec4u(weights + k * layer.fanOut);
    let weight = vec4f(parameters[at.x], parameters[at.y], parameters[at.z], parameters[at.w]);
    for (var i = 0u; i < TILE; i++) {
      sums[i] = fma(vec4f(inputs[firstInputs[i] + k]), weight, sums[i]);
    }
  }
  let plane = layer.replicas * layer.capacity * layer.fanOut;
  for (var i = 0u; i < TILE && firstRow + i < step.chunkRows; i++) {
    let output = (replica * layer.capacity + firstRow + i) * layer.fanOut + firstColumn;
    for (var j = 0u; j < 4u && firstColumn + j < layer.fanOut; j++) {
      let preActivation = sums[i][j] + parameters[weights + layer.fanIn * layer.fanOut + firstColumn + j];
      outputs[output + j] = activate(preActivation);
      if (SAVES_PRE_ACTIVATION) {
        outputs[plane + output + j] = preActivation;
      }
    }
  }
}
