// Sums the slots of the gradients in order and applies the optimizer, one invocation per (replica, parameter); the
// invocation behind the last parameter sums the loss into its ring.
//   gradients  [slots, replicas, parameterCount + 1]
//   parameters [replicas, parameterCount]
//   moments    [2, replicas, parameterCount]     momentum, or first and second moment
//   losses     [ringSteps, replicas]
//   nonFinite  [replicas]                        first step with a gradient, loss, moment or parameter that was not finite
// Definitions as torch.optim's. Twin: src/cpu/update.ts.

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> hyper: Hyper;
@group(0) @binding(2) var<storage, read> gradients: array<f32>;
@group(0) @binding(3) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(4) var<storage, read_write> moments: array<f32>;
@group(0) @binding(5) var<storage, read_write> losses: array<f32>;
@group(0) @binding(6) var<storage, read_write> nonFinite: array<atomic<u32>>;

@compute @workgroup_size(64)
fn update(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let entry = linearIndex(id, groups, 64u);
  let replica = step.firstReplica + id.z;
  if (entry > hyper.parameterCount || replica >= hyper.replicas) {
    return;
  }
  var gradient = 0.0;
  for (var slot = 0u; slot < hyper.slots; slot++) {
    gradient += gradients[(slot * hyper.replicas + replica) * (hyper.parameterCount + 1u) + entry];
  }
  watch(gradient);
  if (entry == hyper.parameterCount) {
    losses[step.lossSlot * hyper.replicas + replica] = gradient;
  } else {
    let at = replica * hyper.parameterCount + entry;
    let updated = optimize(parameters[at], gradient, at);
    parameters[at] = updated;
    watch(updated);
  }
  if (!allFinite) {
    atomicMin(&nonFinite[replica], step.index);
  }
}
