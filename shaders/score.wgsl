// Sums of the losses and of the right answers over a slice of rows, one invocation per (slice, member).
//   outputs [members, chunkRows, fanOut]   of the chunk's rows; logits where the loss takes logits
//   targets [chunkRows, fanOut]
//   losses  [splits, members]               slice s of the data is summed in split s modulo splits, in order
//   hits    [splits, members]
// A slice is SLICE_ROWS rows of the data, however these are split into chunks: a slice that an earlier chunk has begun continues from its
// sums, so that no bit depends on the cuts. `scoreSample` gives a sample's loss and right answers: that of scoreElementwise.wgsl or scoreSoftmax.wgsl. CPU reference:
// src/backend/cpu/score.ts.

#import step
#expects fn scoreSample(firstOutput: u32, firstTarget: u32, fanOut: u32) -> vec2f

const SLICE_ROWS = 128u;

struct Score {
  fanOut: u32,
  members: u32,
  groupMembers: u32,  // members from step.firstMember on that this dispatch scores
  splits: u32,
}

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> shape: Score;
@group(0) @binding(2) var<storage, read> outputs: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<f32>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;
@group(0) @binding(5) var<storage, read_write> hits: array<u32>;

@compute @workgroup_size(64)
fn score(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = linearIndex(id, groups, 64u);
  let member = step.firstMember + index % shape.groupMembers;
  let slice = step.firstPosition / SLICE_ROWS + index / shape.groupMembers;
  let firstRow = max(slice * SLICE_ROWS, step.firstPosition);
  let endRow = min((slice + 1u) * SLICE_ROWS, step.firstPosition + step.chunkRows);
  if (firstRow >= endRow || member >= shape.members) {
    return;
  }
  let at = (slice % shape.splits) * shape.members + member;
  var total = 0.0;
  var right = 0u;
  if (firstRow % SLICE_ROWS != 0u) {
    total = losses[at];
    right = hits[at];
  }
  for (var row = firstRow - step.firstPosition; row < endRow - step.firstPosition; row++) {
    let sample = scoreSample((member * step.chunkRows + row) * shape.fanOut, row * shape.fanOut, shape.fanOut);
    total += sample.x;
    right += u32(sample.y);
  }
  losses[at] = total;
  hits[at] = right;
}
