// backwardInputs with a register tile: one invocation computes TILE rows × 4 inputs. Buffers as in backwardInputs.wgsl.

const TILE = 4u;

override SAVED_PLANE: u32 = 0u;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> layer: Layer;
@group(0) @binding(2) var<storage, read> dOutputs: array<f32>;
@group(0) @binding(3) var<storage, read> parameters: array<f32>;
@group(0) @binding(4) var<storage, read> inputs: array<f32>;
@group(0) @binding(5) var<storage, read_write> dInputs: array<f32>;

@compute @workgroup_size(64)
fn backwardInputsTiled(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let tileColumns = (layer.fanIn + 3u) / 4u;
  let index = linearIndex(id, groups, 64u);
  let firstRow = index / tileColumns * TILE;
  let firstK = index % tileColumns * 4u;
  let replica = id.z;
  if (firstRow >= step.chunkRows) {
    return;
  }
  // Rows and columns past the edge repeat the last one and are not stored.
  var firstGradients: array<u32, TILE>;
  for (var i = 0u; i < TILE; i++) {
    firstGradients[i] = (replica * layer.capacity + min(firstRow + i, step.chunkRows - 1u)) * layer.gradientColumns;
  }
  let rows = min(vec4u(firstK) + vec4u(0u, 1u, 2u, 3u), vec4u(layer.fanIn - 1u));
  let firstWeights = rows * layer.fanOut + vec4u(replica * layer.parameterCount + layer.weightsOffset);
  var sums: array<vec4f, TILE>;
  for (var column = 0u; column < layer.fanOut; column++) {
    let at = firstWeights + vec4u(column);
    let weight = vec4f(parameters[at.x], parameters[at.y], parameters[at.z], parameters[at.w]);
    for (var i = 0u; i < TILE; i++) {
      sums[i] = fma(vec4f(dOutputs[firstGradients[i] + column]), weight, sums[i]);
    }
  }
  let plane = SAVED_PLANE * layer.replicas * layer.capacity * layer.fanIn;
  for (var i = 0u; i < TILE && firstRow + i < step.chunkRows; i++) {
    let input = (replica * layer.capacity + firstRow + i) * layer.fanIn + firstK;
    for (var j = 0u; j < 4u && firstK + j < layer.fanIn; j++) {
      dInputs[input + j] = sums[i][j] * activateDerivative(inputs[plane + input + j]);
    }
  }
}
