// What trainMembers.wgsl expects where one invocation trains a member: nothing is to be summed.

const LANES = 1u;

fn laneSum(value: f32) -> f32 {
  return value;
}

fn sumGradients() {}
