// What an optimizer makes orthogonal, and sums of its squares: a workgroup takes a block of a matrix of a member. CPU reference:
// src/backend/cpu/update.ts.
//   settings   [members]
//   gradients  [splits, members, parameterCount + 1]
//   parameters [members, parameterCount]
//   moments    [states, members, parameterCount] what the optimizer keeps
//   blocks     first and last entry of each block, first block of its matrix, and how many that has
//   directions [members, parameterCount], and behind them the sums: matrixSquares.wgsl

#import matrixSquares
#import squareSums
#import gradientSum
#expects fn prepareGradients(member: u32)
#expects fn directionOf(parameter: f32, gradient: f32, at: u32) -> f32

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> hyper: Hyper;
@group(0) @binding(2) var<storage, read> settings: array<MemberSettings>;
@group(0) @binding(3) var<storage, read> gradients: array<f32>;
@group(0) @binding(4) var<storage, read> parameters: array<f32>;
@group(0) @binding(5) var<storage, read> moments: array<f32>;
@group(0) @binding(6) var<storage, read> blocks: array<vec4u>;
@group(0) @binding(7) var<storage, read_write> directions: array<f32>;

fn gradientAt(at: u32) -> f32 { return gradients[at]; }

fn stateAt(at: u32, state: u32) -> u32 {
  return at + state * hyper.members * hyper.parameterCount;
}

@compute @workgroup_size(THREADS)
fn writeDirections(
  @builtin(local_invocation_index) thread: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let block = group.y * groups.x + group.x;
  let member = step.firstMember + group.z;
  if (block >= arrayLength(&blocks) || member >= hyper.members) {
    return;
  }
  rates = settings[member];
  prepareGradients(member);
  let own = blocks[block];
  var sums = vec2f();
  for (var entry = own.x + thread; entry < own.y; entry += THREADS) {
    let at = member * hyper.parameterCount + entry;
    let direction = directionOf(parameters[at], gradientOf(entry, member), at);
    directions[at] = direction;
    sums = addSquare(sums, direction);
  }
  sums = sumOverThreads(thread, sums);
  if (thread == 0u) {
    let at = squaresPlace(member, block, arrayLength(&blocks));
    directions[at] = sums.x;
    directions[at + 1u] = sums.y;
  }
}
