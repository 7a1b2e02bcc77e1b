// backwardInputs with a register tile: one invocation computes 8 rows × 4 inputs, its sums named as in forwardTiled.wgsl.
// Buffers as in backwardInputs.wgsl.

const TILE = 8u;

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
  let firstK = index % tileColumns;
  let replica = step.firstReplica + id.z;
  if (firstRow >= step.chunkRows || replica >= layer.replicas) {
    return;
  }
  // Rows and columns past the edge repeat the last one and are not stored.
  var firstGradients: array<u32, TILE>;
  for (var i = 0u; i < TILE; i++) {
    firstGradients[i] = (replica * layer.capacity + min(firstRow + i, step.chunkRows - 1u)) * layer.gradientColumns;
  }
  let rows = min(vec4u(firstK) + tileColumns * vec4u(0u, 1u, 2u, 3u), vec4u(layer.fanIn - 1u));
  let firstWeights = rows * layer.fanOut + vec4u(replica * layer.parameterCount + layer.weightsOffset);
  let d0 = firstGradients[0];
  let d1 = firstGradients[1];
  let d2 = firstGradients[2];
  let d3 = firstGradients[3];
  let d4 = firstGradients[4];
  let d5 = firstGradients[5];
  let d6 = firstGradients[6];
  let d7 = firstGradients[7];
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  var s4 = vec4f();
  var s5 = vec4f();
  var s6 = vec4f();
  var s7 = vec4f();
  for (var column = 0u; column < layer.fanOut; column++) {
    let at = firstWeights + vec4u(column);
    let weight = vec4f(parameters[at.x], parameters[at.y], parameters[at.z], parameters[at.w]);
    s0 = fma(vec4f(dOutputs[d0 + column]), weight, s0);
    s1 = fma(vec4f(dOutputs[d1 + column]), weight, s1);
    s2 = fma(vec4f(dOutputs[d2 + column]), weight, s2);
    s3 = fma(vec4f(dOutputs[d3 + column]), weight, s3);
    s4 = fma(vec4f(dOutputs[d4 + column]), weight, s4);
    s5 = fma(vec4f(dOutputs[d5 + column]), weight, s5);
    s6 = fma(vec4f(dOutputs[d6 + column]), weight, s6);
    s7 = fma(vec4f(dOutputs[d7 + column]), weight, s7);
  }
  var sums = array<vec4f, TILE>(s0, s1, s2, s3, s4, s5, s6, s7);
  let plane = SAVED_PLANE * layer.replicas * layer.capacity * layer.fanIn;
  for (var i = 0u; i < TILE && firstRow + i < step.chunkRows; i++) {
    let firstInput = (replica * layer.capacity + firstRow + i) * layer.fanIn;
    for (var j = 0u; j < 4u && firstK + j * tileColumns < layer.fanIn; j++) {
      let input = firstInput + firstK + j * tileColumns;
      dInputs[input] = sums[i][j] * activateDerivative(inputs[plane + input]);
    }
  }
}
