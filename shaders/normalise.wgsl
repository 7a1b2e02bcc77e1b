// Divides matrices by their norms: a workgroup takes a block of a matrix of a member. CPU reference: src/backend/cpu/orthogonalise.ts.
//   blocks     as of directions.wgsl
//   directions [members, parameterCount], and behind them sums of squares: matrixSquares.wgsl

#import matrixSquares

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> hyper: Hyper;
@group(0) @binding(2) var<storage, read> blocks: array<vec4u>;
@group(0) @binding(3) var<storage, read_write> directions: array<f32>;

override LEAST_NORM: f32 = 1e-7;

const THREADS = 64u;

@compute @workgroup_size(THREADS)
fn normalise(
  @builtin(local_invocation_index) thread: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let block = group.y * groups.x + group.x;
  let blockCount = arrayLength(&blocks);
  let member = step.firstMember + group.z;
  if (block >= blockCount || member >= hyper.members) {
    return;
  }
  let own = blocks[block];
  var sums = vec2f();
  for (var other = own.z; other < own.z + own.w; other++) {
    let at = squaresPlace(member, other, blockCount);
    sums += vec2f(directions[at], directions[at + 1u]);
  }
  let fits = isFinite(sums.x);
  let unit = select(SMALL_UNIT, 1.0, fits);
  let norm = max(sqrt(select(sums.y, sums.x, fits)), LEAST_NORM);
  let first = member * hyper.parameterCount;
  for (var entry = own.x + thread; entry < own.y; entry += THREADS) {
    directions[first + entry] = directions[first + entry] * unit / norm;
  }
}
