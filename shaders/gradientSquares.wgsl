// Sums of the squares of gradients, for clipping by norm: a workgroup takes a block of a member's parameters. CPU reference:
// src/backend/cpu/update.ts.
//   gradients [splits, members, parameterCount + 1]
//   squares   [members, blocks]                     in units of 1, and of SMALL_UNIT, which do not overflow

#import step
#import squareSums

struct GradientSizes {
  members: u32,
  parameterCount: u32,
  splits: u32,
  blocks: u32,
}

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> sizes: GradientSizes;
@group(0) @binding(2) var<storage, read> gradients: array<f32>;
@group(0) @binding(3) var<storage, read_write> squares: array<vec2f>;

@compute @workgroup_size(THREADS)
fn gradientSquares(
  @builtin(local_invocation_index) thread: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let block = group.y * groups.x + group.x;
  let member = step.firstMember + group.z;
  if (block >= sizes.blocks || member >= sizes.members) {
    return;
  }
  let columns = sizes.parameterCount + 1u;
  let entries = (sizes.parameterCount + sizes.blocks - 1u) / sizes.blocks;
  let end = min((block + 1u) * entries, sizes.parameterCount);
  var sums = vec2f();
  for (var entry = block * entries + thread; entry < end; entry += THREADS) {
    var gradient = 0.0;
    var at = member * columns + entry;
    for (var split = 0u; split < sizes.splits; split++) {
      gradient += gradients[at];
      at += sizes.members * columns;
    }
    sums = addSquare(sums, gradient);
  }
  sums = sumOverThreads(thread, sums);
  if (thread == 0u) {
    squares[member * sizes.blocks + block] = sums;
  }
}
