// Whole training steps of small networks: one invocation trains one replica, step after step, and keeps its parameters and
// gradients in registers. Barrier-free; memory is touched for the data, the moments and one loss a step.
//   steps      [run.steps]                       `Step` of every step, in order
//   inputs     [rows, inputs], targets [rows, outputs], shared by all replicas
//   parameters [replicas, parameterCount]
//   moments    [2, replicas, parameterCount]
//   losses     [ringSteps, replicas]
//   nonFinite  [replicas]
// Twin: src/cpu/step.ts and src/cpu/update.ts, step by step.

struct Run {
  steps: u32,         // steps of this dispatch
  firstReplica: u32,  // replicas of this dispatch: from the first …
  endReplica: u32,    // … to before this one
}

@group(0) @binding(0) var<uniform> run: Run;
@group(0) @binding(1) var<uniform> hyper: Hyper;
@group(0) @binding(2) var<storage, read> steps: array<Step>;
@group(0) @binding(3) var<storage, read> inputs: array<f32>;
@group(0) @binding(4) var<storage, read> targets: array<f32>;
@group(0) @binding(5) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(6) var<storage, read_write> moments: array<f32>;
@group(0) @binding(7) var<storage, read_write> losses: array<f32>;
@group(0) @binding(8) var<storage, read_write> nonFinite: array<atomic<u32>>;

var<private> step: Step;

@compute @workgroup_size(64)
fn trainReplicas(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let replica = run.firstReplica + linearIndex(id, groups, 64u);
  if (replica >= run.endReplica) {
    return;
  }
  let first = replica * PARAMETERS;
  readNetwork(first);
  for (var index = 0u; index < run.steps; index++) {
    step = steps[index];
    clearGradients();
    var loss = 0.0;
    for (var row = 0u; row < step.chunkRows; row++) {
      loss += addSample(rowAt(step.firstPosition + row, step.rowCount, step.orderKey));
    }
    watch(loss);
    updateNetwork(first);
    losses[step.lossSlot * hyper.replicas + replica] = loss;
    if (!allFinite) {
      atomicMin(&nonFinite[replica], step.index);
    }
  }
  writeNetwork(first);
}
