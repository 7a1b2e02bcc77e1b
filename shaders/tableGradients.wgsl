// Gradients of an embedding table: of each category the sum over the samples that name it, one invocation per (split, entry).
//   indices   [members or 1, rows, indexWidth]   the category of a sample lies at indexColumn of its row
//   dOutputs  [members, capacity, fanOut]
//   batchRows [members or 1, capacity]
//   gradients [splits, members, parameterCount + 1]   split s sums slices s, s + splits, … of SLICE_ROWS samples in order

#import step

const SLICE_ROWS = 128u;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> layer: Layer;
@group(0) @binding(2) var<storage, read> indices: array<f32>;
@group(0) @binding(3) var<storage, read> dOutputs: array<f32>;
@group(0) @binding(4) var<storage, read_write> gradients: array<f32>;

@compute @workgroup_size(64)
fn tableGradients(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let entryCount = layer.fanIn * layer.fanOut;
  let index = linearIndex(id, groups, 64u);
  let split = index / entryCount;
  let entry = index % entryCount;
  let member = step.firstMember + id.z;
  if (split >= layer.splits || member >= layer.members) {
    return;
  }
  let category = f32(entry / layer.fanOut);
  let first = member * layer.capacity;
  let at = (split * layer.members + member) * (layer.parameterCount + 1u) + layer.weightsOffset + entry;
  var total = 0.0;
  for (var start = split * SLICE_ROWS; start < step.chunkRows; start += layer.splits * SLICE_ROWS) {
    let end = min(start + SLICE_ROWS, step.chunkRows);
    var sum = 0.0;
    for (var row = start; row < end; row++) {
      let gradient = dOutputs[(first + row) * layer.fanOut + entry % layer.fanOut];
      sum += select(0.0, gradient, indices[first + row] == category);
    }
    total += sum;
  }
  if (step.firstRow != 0u) {
    total = gradients[at] + total;
  }
  gradients[at] = total;
}
