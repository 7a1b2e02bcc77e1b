// forward with the tile of productTile.wgsl. Buffers and overrides as in forward.wgsl.

override ROWS: u32 = 0u;
override SAVES_PRE_ACTIVATION: bool = false;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> layer: Layer;
@group(0) @binding(2) var<storage, read> inputs: array<f32>;
@group(0) @binding(3) var<storage, read> parameters: array<f32>;
@group(0) @binding(4) var<storage, read_write> outputs: array<f32>;
@group(0) @binding(5) var<storage, read_write> batchRows: array<u32>;

fn leftValue(at: u32) -> f32 {
  return inputs[at];
}

fn rightValues(at: vec4u) -> vec4f {
  return vec4f(parameters[at.x], parameters[at.y], parameters[at.z], parameters[at.w]);
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

// Stores four columns of a row, those that are inside.
fn storeOutputs(firstOutput: u32, columns: vec4u, preActivations: vec4f) {
  let plane = layer.replicas * layer.capacity * layer.fanOut;
  for (var j = 0u; j < 4u; j++) {
    if (columns[j] >= layer.fanOut) {
      continue;
    }
    let output = firstOutput + columns[j];
    outputs[output] = activate(preActivations[j]);
    if (SAVES_PRE_ACTIVATION) {
      outputs[plane + output] = preActivations[j];
    }
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
  let sums = tileProduct(tile, 0u, layer.fanIn);
  var a = firstSums(sums);
  var b = wideSums(sums);
  let bias = weights + layer.fanIn * layer.fanOut;
  for (var i = 0u; i < TILE && firstRow + i < step.chunkRows; i++) {
    let firstOutput = (replica * layer.capacity + firstRow + i) * layer.fanOut;
    storeOutputs(firstOutput, columns, a[i] + rightValues(bias + min(columns, edge)));
    if (WIDE) {
      storeOutputs(firstOutput, wideColumns, b[i] + rightValues(bias + min(wideColumns, edge)));
    }
  }
}
