// backwardWeights with a register tile: one invocation sums 8 rows × 4 columns of one slot's weight gradients, its sums
// named as in forwardTiled.wgsl; the invocations after them sum 4 bias columns each. Buffers, slots and slices as in
// backwardWeights.wgsl.

const TILE = 8u;
const SLICE_ROWS = 128u;

override GATHERS: bool = false;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> layer: Layer;
@group(0) @binding(2) var<storage, read> inputs: array<f32>;
@group(0) @binding(3) var<storage, read> dOutputs: array<f32>;
@group(0) @binding(4) var<storage, read> batchRows: array<u32>;
@group(0) @binding(5) var<storage, read_write> gradients: array<f32>;

// Adds to every `stride`th column, from `first`, of the row of gradients that begins at `row`, or starts them.
fn store(row: u32, first: u32, stride: u32, columnCount: u32, sum: vec4f) {
  for (var j = 0u; j < 4u && first + j * stride < columnCount; j++) {
    let at = row + first + j * stride;
    var before = 0.0;
    if (step.firstRow != 0u) {
      before = gradients[at];
    }
    gradients[at] = before + sum[j];
  }
}

// Four columns of dOutputs in one row of the chunk.
fn gradientAt(firstGradients: vec4u, row: u32) -> vec4f {
  let at = firstGradients + vec4u(row * layer.gradientColumns);
  return vec4f(dOutputs[at.x], dOutputs[at.y], dOutputs[at.z], dOutputs[at.w]);
}

// Column sums of the slices of a slot.
fn biasSums(firstGradients: vec4u, slot: u32) -> vec4f {
  var total = vec4f();
  for (var start = slot * SLICE_ROWS; start < step.chunkRows; start += layer.slots * SLICE_ROWS) {
    let end = min(start + SLICE_ROWS, step.chunkRows);
    var sum = vec4f();
    for (var row = start; row < end; row++) {
      sum += gradientAt(firstGradients, row);
    }
    total += sum;
  }
  return total;
}

@compute @workgroup_size(64)
fn backwardWeightsTiled(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let tileColumns = (layer.gradientColumns + 3u) / 4u;
  let tileRows = (layer.fanIn + TILE - 1u) / TILE;
  let index = linearIndex(id, groups, 64u);
  let slot = index / (tileColumns * (tileRows + 1u));
  let tileRow = index / tileColumns % (tileRows + 1u);
  let firstColumn = index % tileColumns;
  let replica = step.firstReplica + id.z;
  if (slot >= layer.slots || replica >= layer.replicas) {
    return;
  }
  // Rows and columns past the edge repeat the last one and are not stored.
  let columns = min(vec4u(firstColumn) + tileColumns * vec4u(0u, 1u, 2u, 3u), vec4u(layer.gradientColumns - 1u));
  let firstGradients = columns + vec4u(replica * layer.capacity * layer.gradientColumns);
  let first = (slot * layer.replicas + replica) * (layer.parameterCount + 1u) + layer.weightsOffset;
  if (tileRow == tileRows) {
    let bias = first + layer.fanIn * layer.fanOut;
    store(bias, firstColumn, tileColumns, layer.gradientColumns, biasSums(firstGradients, slot));
    return;
  }
  if (firstColumn >= layer.fanOut) {
    return;
  }
  let firstK = tileRow * TILE;
  let k0 = min(firstK + 0u, layer.fanIn - 1u);
  let k1 = min(firstK + 1u, layer.fanIn - 1u);
  let k2 = min(firstK + 2u, layer.fanIn - 1u);
  let k3 = min(firstK + 3u, layer.fanIn - 1u);
  let k4 = min(firstK + 4u, layer.fanIn - 1u);
  let k5 = min(firstK + 5u, layer.fanIn - 1u);
  let k6 = min(firstK + 6u, layer.fanIn - 1u);
  let k7 = min(firstK + 7u, layer.fanIn - 1u);
  var t0 = vec4f();
  var t1 = vec4f();
  var t2 = vec4f();
  var t3 = vec4f();
  var t4 = vec4f();
  var t5 = vec4f();
  var t6 = vec4f();
  var t7 = vec4f();
  for (var start = slot * SLICE_ROWS; start < step.chunkRows; start += layer.slots * SLICE_ROWS) {
    let end = min(start + SLICE_ROWS, step.chunkRows);
    var s0 = vec4f();
    var s1 = vec4f();
    var s2 = vec4f();
    var s3 = vec4f();
    var s4 = vec4f();
    var s5 = vec4f();
    var s6 = vec4f();
    var s7 = vec4f();
    for (var row = start; row < end; row++) {
      let gradient = gradientAt(firstGradients, row);
      var source = row;
      if (GATHERS) {
        source = batchRows[replica * layer.rowsReplicaStride + row];
      }
      let firstInput = replica * layer.inputReplicaStride + source * layer.fanIn;
      s0 = fma(vec4f(inputs[firstInput + k0]), gradient, s0);
      s1 = fma(vec4f(inputs[firstInput + k1]), gradient, s1);
      s2 = fma(vec4f(inputs[firstInput + k2]), gradient, s2);
      s3 = fma(vec4f(inputs[firstInput + k3]), gradient, s3);
      s4 = fma(vec4f(inputs[firstInput + k4]), gradient, s4);
      s5 = fma(vec4f(inputs[firstInput + k5]), gradient, s5);
      s6 = fma(vec4f(inputs[firstInput + k6]), gradient, s6);
      s7 = fma(vec4f(inputs[firstInput + k7]), gradient, s7);
    }
    t0 += s0;
    t1 += s1;
    t2 += s2;
    t3 += s3;
    t4 += s4;
    t5 += s5;
    t6 += s6;
    t7 += s7;
  }
  var totals = array<vec4f, TILE>(t0, t1, t2, t3, t4, t5, t6, t7);
  for (var i = 0u; i < TILE && firstK + i < layer.fanIn; i++) {
    store(first + (firstK + i) * layer.fanOut, firstColumn, tileColumns, layer.fanOut, totals[i]);
  }
}
