// Forward, loss and backward of a batch in one dispatch: one invocation takes a slice of the samples, all layers of them, and
// keeps the sum of their gradients in registers. `update` sums the slices in order. Slices of a team of 64 take its rows in
// turn, so that neighbours read neighbouring rows; a chunk is a number of whole teams.
// Buffers: batchSlices.wgsl. CPU reference: src/backend/cpu/step.ts.

#import shuffle
#import batchSlices
#expects const PARAMETERS: u32
#expects const SAMPLES: u32
#expects var lossSum: f32
#expects fn readNetwork(first: u32)
#expects fn clearGradients()
#expects fn addSamples(row: u32, stride: u32, end: u32, key: vec2u, orderSeed: vec2u)
#expects fn writePartials(first: u32)

const TEAM = 64u;

@compute @workgroup_size(64)
fn trainSamples(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let split = step.firstRow / slices.rows + linearIndex(id, groups, 64u);
  let member = step.firstMember + id.z;
  if (split >= slices.splits || member >= slices.members) {
    return;
  }
  let orderSeed = settings[member].orderSeed;
  heldOutFrom = settings[member].heldOutFrom;
  let key = orderKeyOf(step.orderKey, step.epoch, orderSeed);
  readNetwork(member * PARAMETERS);
  clearGradients();
  lossSum = 0.0;
  // Slices of a team take turns with its rows. Those behind the chunk are written as 0: their own chunk comes later, or the
  // batch has ended.
  let firstSplit = split / TEAM * TEAM;
  let members = min(TEAM, slices.splits - firstSplit);
  let start = firstSplit * slices.rows - step.firstRow;
  let end = min(start + members * slices.rows, step.chunkRows);
  for (var row = start + split - firstSplit; row < end; row += members * SAMPLES) {
    addSamples(row, members, end, key, orderSeed);
  }
  let first = (split * slices.members + member) * (PARAMETERS + 1u);
  writePartials(first);
  partials[first + PARAMETERS] = lossSum;
}
