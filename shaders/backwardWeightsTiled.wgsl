// backwardWeights with a register tile: one invocation sums TILE rows × 4 columns of one slot's weight gradients; the
// invocations after them sum 4 bias columns each. Buffers, slots and slices as in backwardWeights.wgsl.

const TILE = 4u;
const SLICE_ROWS = 128u;

override GATHERS: bool = false;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> layer: Layer;
@group(0) @binding(2) var<storage, read> inputs: array<f32>;
@group(0) @binding(3) var<storage, read> dOutputs: array<f32>;
@group(0) @binding(4) var<storage, read> batchRows: array<u32>;
@group(0) @binding(5) var<storage, read_write> gradients: array<f32>;

// Adds to the 4 columns of one row of gradients, or starts them, without passing the row's end.
fn store(at: u32, columnCount: u32, sum: vec4f) {
  for (var j = 0u; j < columnCount; j++) {
    var before = 0.0;
    if (step.accumulate != 0u) {
      before = gradients[at + j];
    }
    gradients[at + j] = before + sum[j];
  }
}

@compute @workgroup_size(64)
fn backwardWeightsTiled(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let tileColumns = (layer.gradientColumns + 3u) / 4u;
  let tileRows = (layer.fanIn + TILE - 1u) / TILE;
  let index = linearIndex(id, groups, 64u);
  let slot = index / (tileColumns * (tileRows + 1u));
  let tileRow = index / tileColumns % (tileRows + 1u);
  let firstColumn = index % tileColumns * 4u;
  let replica = id.z;
  if (slot >= layer.slots) {
    return;
  }
  let isBias = tileRow == tileRows;
  let firstK = tileRow * TILE;
  // Rows and columns past the edge repeat the last one and are not stored.
  let columns = min(vec4u(firstColumn) + vec4u(0u, 1u, 2u, 3u), vec4u(layer.gradientColumns - 1u));
  let firstGradients = columns + vec4u(replica * layer.capacity * layer.gradientColumns);
  let ks = min(vec4u(firstK) + vec4u(0u, 1u, 2u, 3u), vec4u(layer.fanIn - 1u));
  let firstInputs = ks + vec4u(replica * layer.inputReplicaStride);
  var totals: array<vec4f, TILE>;
  for (var start = slot * SLICE_ROWS; start < step.chunkRows; start += layer.slots * SLICE_ROWS) {
    let end = min(start + SLICE_ROWS, step.chunkRows);
    var sums: array<vec4f, TILE>;
    for (var row = start; row < end; row++) {
      let at = firstGradients + vec4u(row * layer.gradientColumns);
      let gradient = vec4f(dOutputs[at.x], dOutputs[at.y], dOutputs[at.z], dOutputs[at.w]);
      if (isBias) {
        sums[0] += gradient;
        continue;
      }
      var source = row;
      if (GATHERS) {
        source = batchRows[row];
      }
      let taken = firstInputs + vec4u(source * layer.fanIn);
      let input = vec4f(inputs[taken.x], inputs[taken.y], inputs[taken.z], inputs[taken.w]);
      for (var i = 0u; i < TILE; i++) {
        sums[i] = fma(vec4f(input[i]), gradient, sums[i]);
      }
    }
    for (var i = 0u; i < TILE; i++) {
      totals[i] += sums[i];
    }
  }
  let first = (slot * layer.replicas + replica) * (layer.parameterCount + 1u) + layer.weightsOffset;
  if (isBias) {
    let count = min(4u, layer.gradientColumns - firstColumn);
    store(first + layer.fanIn * layer.fanOut + firstColumn, count, totals[0]);
    return;
  }
  if (firstColumn >= layer.fanOut) {
    return;
  }
  for (var i = 0u; i < TILE && firstK + i < layer.fanIn; i++) {
    store(first + (firstK + i) * layer.fanOut + firstColumn, min(4u, layer.fanOut - firstColumn), totals[i]);
  }
}
