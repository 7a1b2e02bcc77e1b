// What the kernels read and write that train whole replicas, many steps in one dispatch: trainReplicas and trainGroups.
//   steps        [run.steps]                       `Step` of every step, in order
//   inputs       [rows, inputs], targets [rows, outputs], shared by all replicas
//   settings     [replicas]
//   parameters   [replicas, parameterCount]
//   losses       [ringSteps, replicas]
//   status       [3, replicas]                     see optimizer.wgsl
// Each declares binding 7 itself: the moments [states, replicas, parameterCount].

#import step
#import optimizer

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
@group(0) @binding(5) var<storage, read> settings: array<ReplicaSettings>;
@group(0) @binding(6) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(8) var<storage, read_write> losses: array<f32>;
@group(0) @binding(9) var<storage, read_write> status: array<atomic<u32>>;

// The step under way.
var<private> step: Step;
