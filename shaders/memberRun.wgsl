// What the kernels read and write that train whole members, many steps in one dispatch: trainMembers and trainGroups.
//   steps        [run.steps]                       `Step` of every step, in order
//   inputs       [rows, inputs], targets [rows, outputs], shared by all members
//   settings     [members]
//   parameters   [members, parameterCount]
//   losses       [ringSteps, members]
//   status       [3, members]                     see optimizer.wgsl
// Each declares binding 7 itself: the moments [states, members, parameterCount].

#import step
#import optimizer

struct Run {
  steps: u32,         // steps of this dispatch
  firstMember: u32,  // members of this dispatch: from the first …
  endMember: u32,    // … to before this one
}

@group(0) @binding(0) var<uniform> run: Run;
@group(0) @binding(1) var<uniform> hyper: Hyper;
@group(0) @binding(2) var<storage, read> steps: array<Step>;
@group(0) @binding(3) var<storage, read> inputs: array<f32>;
@group(0) @binding(4) var<storage, read> targets: array<f32>;
@group(0) @binding(5) var<storage, read> settings: array<MemberSettings>;
@group(0) @binding(6) var<storage, read_write> parameters: array<f32>;
@group(0) @binding(8) var<storage, read_write> losses: array<f32>;
@group(0) @binding(9) var<storage, read_write> status: array<atomic<u32>>;

// The step under way.
var<private> step: Step;
