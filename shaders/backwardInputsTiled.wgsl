// backwardInputs with the tile of productTile.wgsl. Buffers and overrides as in backwardInputs.wgsl.

#import step
#expects fn slopeProduct(d: f32, saved: f32) -> f32
#import tileStores

override SAVED_PLANE: u32 = 0u;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> layer: Layer;
@group(0) @binding(2) var<storage, read> dOutputs: array<f32>;
@group(0) @binding(3) var<storage, read> parameters: array<f32>;
@group(0) @binding(4) var<storage, read> inputs: array<f32>;
@group(0) @binding(5) var<storage, read_write> dInputs: array<f32>;
@group(0) @binding(6) var<storage, read> parameterFours: array<vec4f>; // parameters once more

fn leftValue(at: u32) -> f32 {
  return dOutputs[at];
}

fn rightValue(at: u32) -> f32 {
  return parameters[at];
}

fn rightFour(at: u32) -> vec4f {
  return parameterFours[at / 4u];
}

fn leftOffset(k: u32, replica: u32) -> u32 {
  return k;
}

fn rightOffset(k: u32) -> u32 {
  return k;
}

fn storeValue(input: u32, sum: f32) {
  let plane = SAVED_PLANE * layer.replicas * layer.capacity * layer.fanIn;
  dInputs[input] = slopeProduct(sum, inputs[plane + input]);
}

@compute @workgroup_size(64)
fn backwardInputsTiled(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let stride = tileStride(layer.fanIn);
  let index = linearIndex(id, groups, 64u);
  let firstRow = index / stride * TILE;
  let place = index % stride;
  let replica = step.firstReplica + id.z;
  if (firstRow >= step.chunkRows || replica >= layer.replicas) {
    return;
  }
  // Rows and columns past the edge repeat the last one and are not stored.
  let columns = tileColumns(place, stride, 0u);
  let wideColumns = tileColumns(place, stride, 4u);
  let edge = vec4u(layer.fanIn - 1u);
  let weights = replica * layer.parameterCount + layer.weightsOffset;
  let firstWeights = min(columns, edge) * layer.fanOut + weights;
  let wideWeights = min(wideColumns, edge) * layer.fanOut + weights;
  var tile = Tile(array<u32, TILE>(), firstWeights, wideWeights, index % LANES, replica);
  for (var i = 0u; i < TILE; i++) {
    tile.rows[i] = (replica * layer.capacity + min(firstRow + i, step.chunkRows - 1u)) * layer.gradientColumns;
  }
  let sums = tileProduct(tile, 0u, layer.fanOut);
  let firstInput = (replica * layer.capacity + firstRow) * layer.fanIn;
  storeTile(Destination(firstInput, layer.fanIn, step.chunkRows - firstRow, columns, wideColumns), sums);
}
