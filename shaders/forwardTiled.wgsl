// forward with the tile of productTile.wgsl. Buffers and overrides as in forward.wgsl.

#import step
#import order
#expects fn activate(z: f32) -> f32
#import tileStores

override ROWS: u32 = 0u;
override SAVES_PRE_ACTIVATION: bool = false;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> layer: Layer;
@group(0) @binding(2) var<storage, read> inputs: array<f32>;
@group(0) @binding(3) var<storage, read> parameters: array<f32>;
@group(0) @binding(4) var<storage, read_write> outputs: array<f32>;
@group(0) @binding(5) var<storage, read_write> batchRows: array<u32>;
@group(0) @binding(6) var<storage, read> parameterFours: array<vec4f>; // parameters once more

fn leftValue(at: u32) -> f32 {
  return inputs[at];
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
  return k * layer.fanOut;
}

// Row of the inputs that a row of the chunk takes; the first tile of a row writes down what was drawn.
fn sourceOf(row: u32, replica: u32, isFirstTile: bool) -> u32 {
  if (ROWS == 0u) {
    return row;
  }
  if (ROWS == 2u) {
    return batchRows[replica * layer.rowsReplicaStride + row];
  }
  let source = rowAt(step.firstPosition + row, step.rowCount, step.orderKey);
  if (isFirstTile) {
    batchRows[row] = source;
  }
  return source;
}

fn storeValue(output: u32, preActivation: f32) {
  outputs[output] = activate(preActivation);
  if (SAVES_PRE_ACTIVATION) {
    outputs[layer.replicas * layer.capacity * layer.fanOut + output] = preActivation;
  }
}

@compute @workgroup_size(64)
fn forwardTiled(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let stride = tileStride(layer.fanOut);
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
  let edge = vec4u(layer.fanOut - 1u);
  let weights = replica * layer.parameterCount + layer.weightsOffset;
  var tile = Tile(array<u32, TILE>(), min(columns, edge) + weights, min(wideColumns, edge) + weights, index % LANES, replica);
  for (var i = 0u; i < TILE; i++) {
    let source = sourceOf(min(firstRow + i, step.chunkRows - 1u), replica, place == 0u && replica == 0u);
    tile.rows[i] = replica * layer.inputReplicaStride + source * layer.fanIn;
  }
  let bias = weights + layer.fanIn * layer.fanOut;
  let wideBias = rightValues(bias + min(wideColumns, edge));
  let sums = addToRows(tileProduct(tile, 0u, layer.fanIn), rightValues(bias + min(columns, edge)), wideBias);
  let firstOutput = (replica * layer.capacity + firstRow) * layer.fanOut;
  storeTile(Destination(firstOutput, layer.fanOut, step.chunkRows - firstRow, columns, wideColumns), sums);
}
