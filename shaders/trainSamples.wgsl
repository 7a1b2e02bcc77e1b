// Forward, loss and backward of a batch in one dispatch: one invocation takes a slice of the samples, all layers of them, and
// keeps the sum of their gradients in registers. `update` sums the slices in order.
//   inputs     [rows, inputs], targets [rows, outputs], shared by all replicas
//   parameters [replicas, parameterCount]
//   partials   [slots, replicas, parameterCount + 1]   the last column is the loss, scaled like the gradients
// Twin: src/cpu/step.ts.

struct Slices {
  rows: u32,       // samples of one slice
  slots: u32,      // slices
  replicas: u32,
}

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> slices: Slices;
@group(0) @binding(2) var<storage, read> inputs: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<f32>;
@group(0) @binding(4) var<storage, read> parameters: array<f32>;
@group(0) @binding(5) var<storage, read_write> partials: array<f32>;

// The first chunk of a step starts anew.
fn add(at: u32, value: f32) {
  if (step.accumulate == 0u) {
    partials[at] = value;
  } else {
    partials[at] += value;
  }
}

@compute @workgroup_size(64)
fn trainSamples(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let slot = linearIndex(id, groups, 64u);
  let replica = step.firstReplica + id.z;
  if (slot >= slices.slots || replica >= slices.replicas) {
    return;
  }
  readNetwork(replica * PARAMETERS);
  clearGradients();
  var loss = 0.0;
  let end = min((slot + 1u) * slices.rows, step.chunkRows);
  for (var row = slot * slices.rows; row < end; row++) {
    loss += addSample(rowAt(step.firstPosition + row, step.rowCount, step.orderKey));
  }
  let first = (slot * slices.replicas + replica) * (PARAMETERS + 1u);
  addPartials(first);
  add(first + PARAMETERS, loss);
}
