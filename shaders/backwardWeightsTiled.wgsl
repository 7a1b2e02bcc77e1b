// backwardWeights with the tile of productTile.wgsl; the invocations behind those of a slot's tiles sum its bias columns.
// Buffers, slots, slices and overrides as in backwardWeights.wgsl.

#import step
#import tileStores

const SLICE_ROWS = 128u;

override GATHERS: bool = false;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> layer: Layer;
@group(0) @binding(2) var<storage, read> inputs: array<f32>;
@group(0) @binding(3) var<storage, read> dOutputs: array<f32>;
@group(0) @binding(4) var<storage, read> batchRows: array<u32>;
@group(0) @binding(5) var<storage, read_write> gradients: array<f32>;
@group(0) @binding(6) var<storage, read> dOutputFours: array<vec4f>; // dOutputs once more

fn leftValue(at: u32) -> f32 {
  return inputs[at];
}

fn rightValue(at: u32) -> f32 {
  return dOutputs[at];
}

fn rightFour(at: u32) -> vec4f {
  return dOutputFours[at / 4u];
}

fn leftOffset(k: u32, replica: u32) -> u32 {
  if (GATHERS) {
    return batchRows[replica * layer.rowsReplicaStride + k] * layer.fanIn;
  }
  return k * layer.fanIn;
}

fn rightOffset(k: u32) -> u32 {
  return k * layer.gradientColumns;
}

// Adds to what the chunks before have left, or starts it.
fn storeValue(at: u32, sum: f32) {
  var before = 0.0;
  if (step.firstRow != 0u) {
    before = gradients[at];
  }
  gradients[at] = before + sum;
}

// Sums of four columns over the slices of a slot.
fn biasSums(columns: vec4u, slot: u32) -> vec4f {
  var total = vec4f();
  for (var start = slot * SLICE_ROWS; start < step.chunkRows; start += layer.slots * SLICE_ROWS) {
    let end = min(start + SLICE_ROWS, step.chunkRows);
    var sum = vec4f();
    for (var first = start; first < end; first += 4u) {
      var four = vec4f();
      for (var row = first; row < min(first + 4u, end); row++) {
        four += rightValues(columns + rightOffset(row));
      }
      sum += four;
    }
    total += sum;
  }
  return total;
}

@compute @workgroup_size(64)
fn backwardWeightsTiled(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let stride = tileStride(layer.gradientColumns);
  let tileRows = (layer.fanIn + TILE - 1u) / TILE;
  let index = linearIndex(id, groups, 64u);
  let slot = index / (stride * (tileRows + 1u));
  let tileRow = index / stride % (tileRows + 1u);
  let place = index % stride;
  let replica = step.firstReplica + id.z;
  if (slot >= layer.slots || replica >= layer.replicas) {
    return;
  }
  // Rows and columns past the edge repeat the last one and are not stored.
  let edge = vec4u(layer.gradientColumns - 1u);
  let ownGradients = replica * layer.capacity * layer.gradientColumns;
  let columns = tileColumns(place, stride, 0u);
  let wideColumns = tileColumns(place, stride, 4u);
  let firstGradients = min(columns, edge) + ownGradients;
  let wideGradients = min(wideColumns, edge) + ownGradients;
  let weights = (slot * layer.replicas + replica) * (layer.parameterCount + 1u) + layer.weightsOffset;
  if (tileRow == tileRows) {
    let bias = weights + layer.fanIn * layer.fanOut;
    storeFour(bias, columns, layer.gradientColumns, biasSums(firstGradients, slot));
    if (WIDE) {
      storeFour(bias, wideColumns, layer.gradientColumns, biasSums(wideGradients, slot));
    }
    return;
  }
  let firstK = tileRow * TILE;
  var tile = Tile(array<u32, TILE>(), firstGradients, wideGradients, index % LANES, replica);
  for (var i = 0u; i < TILE; i++) {
    tile.rows[i] = replica * layer.inputReplicaStride + min(firstK + i, layer.fanIn - 1u);
  }
  var total: TileSums;
  for (var start = slot * SLICE_ROWS; start < step.chunkRows; start += layer.slots * SLICE_ROWS) {
    total = addSums(total, tileProduct(tile, start, min(start + SLICE_ROWS, step.chunkRows)));
  }
  let firstWeight = weights + firstK * layer.fanOut;
  storeTile(Destination(firstWeight, layer.fanOut, layer.fanIn - firstK, columns, wideColumns), total);
}
