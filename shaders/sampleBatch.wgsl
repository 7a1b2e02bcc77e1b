// Draws the rows of a chunk where they are not the same for all members, or come from a bootstrap sample; one invocation per
// sample of a member.
//   settings  [members]
//   batchRows [members or 1, capacity]   row of the data set that each sample is

#import step
#import shuffle

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> layer: Layer;
@group(0) @binding(2) var<storage, read> settings: array<MemberSettings>;
@group(0) @binding(3) var<storage, read_write> batchRows: array<u32>;

@compute @workgroup_size(64)
fn sampleBatch(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = linearIndex(id, groups, 64u);
  let member = step.firstMember + id.z;
  if (row >= step.chunkRows || member >= layer.members) {
    return;
  }
  let orderSeed = settings[member].orderSeed;
  heldOutFrom = settings[member].heldOutFrom;
  let key = orderKeyOf(step.orderKey, step.epoch, orderSeed);
  batchRows[member * layer.rowsMemberStride + row] =
    rowOf(step.firstPosition + row, step.rowCount, key, orderSeed);
}
