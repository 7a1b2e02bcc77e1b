// Losses and right answers of small networks, summed over slices of rows: one invocation takes a slice through all layers of one
// member, in registers; memory is touched for the data, the parameters and two sums. A slice is SLICE_ROWS rows of the data, so
// that the order of the sums depends on nothing but their number.
//   inputs     [rows, inputs], targets [rows, outputs], of one chunk: whole slices, but for the last of the data
//   parameters [members, parameterCount]
//   losses     [slices, members]            a pair is a place in it
//   hits       [slices, members]
// CPU reference: src/backend/cpu/score.ts.

#import grid
#expects const PARAMETERS: u32
#expects var lossSum: f32
#expects var hitSum: u32
#expects fn readNetwork(first: u32)
#expects fn scoreSample(source: u32)

const SLICE_ROWS = 128u;

struct Scoring {
  rows: u32,
  members: u32,
  firstPair: u32,  // pairs of this dispatch: from the first …
  endPair: u32,    // … to before this one
}

@group(0) @binding(0) var<uniform> scoring: Scoring;
@group(0) @binding(1) var<storage, read> inputs: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<f32>;
@group(0) @binding(3) var<storage, read> parameters: array<f32>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;
@group(0) @binding(5) var<storage, read_write> hits: array<u32>;

@compute @workgroup_size(64)
fn scoreMembers(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let pair = scoring.firstPair + linearIndex(id, groups, 64u);
  if (pair >= scoring.endPair) {
    return;
  }
  let first = pair / scoring.members * SLICE_ROWS;
  let end = min(first + SLICE_ROWS, scoring.rows);
  readNetwork(pair % scoring.members * PARAMETERS);
  lossSum = 0.0;
  hitSum = 0u;
  for (var row = first; row < end; row++) {
    scoreSample(row);
  }
  losses[pair] = lossSum;
  hits[pair] = hitSum;
}
