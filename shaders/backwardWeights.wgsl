// gradients of weights and bias of one layer: inputsᵀ · dOutputs and the column sums of dOutputs, one invocation per
// (slot, entry). Entries are numbered as in the flat parameter layout: weights row by row, then bias. In the last layer
// one more entry follows: the loss, which rides as the last column of dOutputs.
//   inputs    [replicas or 1, rows, fanIn]
//   dOutputs  [replicas, capacity, gradientColumns]
//   batchRows [replicas or 1, capacity]
//   gradients [slots, replicas, parameterCount + 1]   slot s sums slices s, s + slots, … of SLICE_ROWS samples in order

#import step

const SLICE_ROWS = 128u;

override GATHERS: bool = false;  // first layer: samples lie in the data set, at batchRows

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> layer: Layer;
@group(0) @binding(2) var<storage, read> inputs: array<f32>;
@group(0) @binding(3) var<storage, read> dOutputs: array<f32>;
@group(0) @binding(4) var<storage, read> batchRows: array<u32>;
@group(0) @binding(5) var<storage, read_write> gradients: array<f32>;

@compute @workgroup_size(64)
fn backwardWeights(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let weightCount = layer.fanIn * layer.fanOut;
  let entryCount = weightCount + layer.gradientColumns;
  let index = linearIndex(id, groups, 64u);
  let slot = index / entryCount;
  let entry = index % entryCount;
  let replica = step.firstReplica + id.z;
  if (slot >= layer.slots || replica >= layer.replicas) {
    return;
  }
  let isBias = entry >= weightCount;
  let k = entry / layer.fanOut;
  let column = select(entry % layer.fanOut, entry - weightCount, isBias);
  let firstGradient = replica * layer.capacity * layer.gradientColumns + column;
  let firstInput = replica * layer.inputReplicaStride + k;
  let at = (slot * layer.replicas + replica) * (layer.parameterCount + 1u) + layer.weightsOffset + entry;
  var total = 0.0;
  for (var start = slot * SLICE_ROWS; start < step.chunkRows; start += layer.slots * SLICE_ROWS) {
    let end = min(start + SLICE_ROWS, step.chunkRows);
    var sum = 0.0;
    var four = 0.0;
    for (var row = start; row < end; row++) {
      let isLast = row % 4u == 3u; // slices begin at multiples of 4
      let gradient = dOutputs[firstGradient + row * layer.gradientColumns];
      var input = 1.0;
      if (!isBias) {
        var source = row;
        if (GATHERS) {
          source = batchRows[replica * layer.rowsReplicaStride + row];
        }
        input = inputs[firstInput + source * layer.fanIn];
      }
      four = fma(input, gradient, four);
      sum += select(0.0, four, isLast);
      four = select(four, 0.0, isLast);
    }
    total += sum + four;
  }
  // The chunks before come last, as in backwardWeightsTiled.wgsl: both versions give the same bits.
  if (step.firstRow != 0u) {
    total = gradients[at] + total;
  }
  gradients[at] = total;
}
