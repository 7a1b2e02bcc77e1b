// What trainReplicas.wgsl expects where one invocation trains a replica: nothing is to be summed.

const LANES = 1u;

fn laneSum(value: f32) -> f32 {
  return value;
}

fn sumGradients() {}
