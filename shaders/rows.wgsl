// Nodes of a network that are computed row by row: elementwise expressions, sums over units, copies. LANES invocations take a row
// together. Written for each network by src/backend/webgpu/emit/emitRows.ts: `computeRow`, which returns early for no lane, and the bindings from 3 on.
//   parameters [members, parameterCount]
//   arena0 …   consecutive nodes; each holds [members, capacity, width] in a region of nodeStride · width values
//   inputs     [rows, inputs]              the data
//   batchRows  [members or 1, capacity]   row of the data that each sample is

#import step
#import scalar
#expects fn computeRow(row: u32, member: u32, lane: u32, isActive: bool)

override LANES: u32 = 1u;  // a power of two up to 64

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> layer: Layer;
@group(0) @binding(2) var<storage, read> parameters: array<f32>;

var<workgroup> laneValues: array<f32, 64>;
var<private> place: u32;  // of the invocation in its workgroup

// The larger of two; NaN where one is.
fn larger(a: f32, b: f32) -> f32 {
  return select(max(a, b), a + b, a != a || b != b);
}

// Lets lanes read what others of their row have stored.
fn waitForLanes() {
  if (LANES > 1u) {
    storageBarrier();
    workgroupBarrier();
  }
}

fn sumOfLanes(own: f32, lane: u32) -> f32 {
  if (LANES == 1u) {
    return own;
  }
  laneValues[place] = own;
  workgroupBarrier();
  for (var reach = LANES / 2u; reach > 0u; reach /= 2u) {
    if (lane < reach) {
      laneValues[place] += laneValues[place + reach];
    }
    workgroupBarrier();
  }
  let total = laneValues[place - lane];
  workgroupBarrier();
  return total;
}

fn maxOfLanes(own: f32, lane: u32) -> f32 {
  if (LANES == 1u) {
    return own;
  }
  laneValues[place] = own;
  workgroupBarrier();
  for (var reach = LANES / 2u; reach > 0u; reach /= 2u) {
    if (lane < reach) {
      laneValues[place] = larger(laneValues[place], laneValues[place + reach]);
    }
    workgroupBarrier();
  }
  let largest = laneValues[place - lane];
  workgroupBarrier();
  return largest;
}

@compute @workgroup_size(64)
fn rows(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  place = index;
  let invocation = linearIndex(id, groups, 64u);
  let row = invocation / LANES;
  let member = step.firstMember + id.z;
  let isActive = row < step.chunkRows && member < layer.members;
  // Idle lanes wait with the others, for a row that exists.
  computeRow(select(0u, row, isActive), select(0u, member, isActive), invocation % LANES, isActive);
}
