// Sums the splits of the gradients in order and applies the optimizer. An invocation takes ENTRIES parameters of a member;
// behind the last parameter comes the loss, which goes into its ring.
//   settings   [members]
//   gradients  [splits, members, parameterCount + 1]
//   parameters [members, parameterCount]
//   moments    [states, members, parameterCount] what the optimizer keeps
//   losses     [ringSteps, members]
//   status     [3, members]                     see optimizer.wgsl
// A member stops behind the first step with a loss, moment or parameter that was not finite.
// CPU reference: src/backend/cpu/update.ts.

#import step
#import optimizer
#import gradientSum
#expects fn prepareGradients(member: u32)

override ENTRIES: u32 = 1u;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> hyper: Hyper;
@group(0) @binding(2) var<storage, read> settings: array<MemberSettings>;
@group(0) @binding(3) var<storage, read> gradients: array<f32>;
@group(0) @binding(4) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(5) var<storage, read_write> moments: array<f32>;
@group(0) @binding(6) var<storage, read_write> losses: array<f32>;
@group(0) @binding(7) var<storage, read_write> status: array<atomic<u32>>;

fn stateAt(at: u32, state: u32) -> u32 {
  return at + state * hyper.members * hyper.parameterCount;
}

// Keeps the least loss and its step; one invocation per member comes here.
fn keepLeast(loss: f32, member: u32) {
  let least = hyper.members + member;
  if (isFinite(loss) && loss < bitcast<f32>(atomicLoad(&status[least]))) {
    atomicStore(&status[least], bitcast<u32>(loss));
    atomicStore(&status[least + hyper.members], step.index);
  }
}

fn gradientAt(at: u32) -> f32 { return gradients[at]; }

fn keepLoss(member: u32) {
  let loss = gradientOf(hyper.parameterCount, member);
  watch(loss);
  losses[step.lossSlot * hyper.members + member] = loss;
  keepLeast(loss, member);
}

@compute @workgroup_size(64)
fn update(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let first = linearIndex(id, groups, 64u);
  let stride = hyper.parameterCount / ENTRIES + 1u; // neighbours take neighbouring parameters
  let member = step.firstMember + id.z;
  if (first >= stride || member >= hyper.members) {
    return;
  }
  if (atomicLoad(&status[member]) < step.index) {
    if (first == 0u) {
      losses[step.lossSlot * hyper.members + member] = stoppedLoss();
    }
    return;
  }
  rates = settings[member];
  prepareGradients(member);
  for (var entry = first; entry < hyper.parameterCount; entry += stride) {
    let at = member * hyper.parameterCount + entry;
    parameters[at] = optimize(parameters[at], gradientOf(entry, member), at);
  }
  if (first == 0u) {
    keepLoss(member);
  }
  if (!allFinite) {
    atomicMin(&status[member], step.index);
  }
}
