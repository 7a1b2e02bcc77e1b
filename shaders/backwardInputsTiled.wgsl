// backwardInputs with the tile of productTile.wgsl. Buffers and overrides as in backwardInputs.wgsl.

override SAVED_PLANE: u32 = 0u;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> layer: Layer;
@group(0) @binding(2) var<storage, read> dOutputs: array<f32>;
@group(0) @binding(3) var<storage, read> parameters: array<f32>;
@group(0) @binding(4) var<storage, read> inputs: array<f32>;
@group(0) @binding(5) var<storage, read_write> dInputs: array<f32>;

fn leftValue(at: u32) -> f32 {
  return dOutputs[at];
}

fn rightValues(at: vec4u) -> vec4f {
  return vec4f(parameters[at.x], parameters[at.y], parameters[at.z], parameters[at.w]);
}

fn leftOffset(k: u32, replica: u32) -> u32 {
  return k;
}

fn rightOffset(k: u32) -> u32 {
  return k;
}

// Stores four columns of a row, `stride` apart.
fn storeGradients(firstInput: u32, first: u32, stride: u32, sums: vec4f) {
  let plane = SAVED_PLANE * layer.replicas * layer.capacity * layer.fanIn;
  for (var j = 0u; j < 4u && first + j * stride < layer.fanIn; j++) {
    let input = firstInput + first + j * stride;
    dInputs[input] = sums[j] * activateDerivative(inputs[plane + input]);
  }
}

@compute @workgroup_size(64)
fn backwardInputsTiled(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let stride = tileStride(layer.fanIn);
  let index = linearIndex(id, groups, 64u);
  let firstRow = index / stride * TILE;
  let first = index % stride;
  let replica = step.firstReplica + id.z;
  if (firstRow >= step.chunkRows || replica >= layer.replicas) {
    return;
  }
  // Rows and columns past the edge repeat the last one and are not stored.
  let columns = min(vec4u(first) + stride * vec4u(0u, 1u, 2u, 3u), vec4u(layer.fanIn - 1u));
  let wideColumns = min(vec4u(first) + stride * vec4u(4u, 5u, 6u, 7u), vec4u(layer.fanIn - 1u));
  let weights = replica * layer.parameterCount + layer.weightsOffset;
  let firstWeights = columns * layer.fanOut + weights;
  var tile = Tile(array<u32, TILE>(), firstWeights, wideColumns * layer.fanOut + weights, index % LANES, replica);
  for (var i = 0u; i < TILE; i++) {
    tile.rows[i] = (replica * layer.capacity + min(firstRow + i, step.chunkRows - 1u)) * layer.gradientColumns;
  }
  let sums = tileProduct(tile, 0u, layer.fanOut);
  var a = firstSums(sums);
  var b = wideSums(sums);
  for (var i = 0u; i < TILE && firstRow + i < step.chunkRows; i++) {
    let firstInput = (replica * layer.capacity + firstRow + i) * layer.fanIn;
    storeGradients(firstInput, first, stride, a[i]);
    if (WIDE) {
      storeGradients(firstInput, first + 4u * stride, stride, b[i]);
    }
  }
}
