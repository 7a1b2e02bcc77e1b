// Forward, loss and backward of a batch in one dispatch: one workgroup takes a slice of the samples through all layers, a tile
// at a time, see sampleTile.wgsl. `update` sums the slices in order. A chunk is a number of whole slices.
// Buffers: batchSlices.wgsl. CPU reference: src/backend/cpu/step.ts.

#import shuffle
#import tileGradients
#import batchSlices
#expects const PARAMETERS: u32
#expects fn clearSums()
#expects fn addTile(thread: u32, first: u32, count: u32, key: vec2u, orderSeed: vec2u)

// Indices of the member's first parameter, and of the first value of the slice.
var<private> firstParameter: u32;
var<private> firstPartial: u32;

// Columns past the edge read the last one and count as 0.
fn weightsAt(layer: Dense, row: u32, column: u32) -> vec4f {
  let at = firstParameter + layer.weightsOffset + row * layer.fanOut + 4u * column;
  let last = layer.fanOut - 1u - 4u * column;
  let weight = vec4f(
    parameters[at],
    parameters[at + min(1u, last)],
    parameters[at + min(2u, last)],
    parameters[at + min(3u, last)],
  );
  return select(vec4f(), weight, vec4u(0u, 1u, 2u, 3u) <= vec4u(last));
}

fn takeGradients(layer: Dense, row: u32, column: u32, gradient: vec4f) {
  let first = firstPartial + layer.weightsOffset + row * layer.fanOut + 4u * column;
  var own = gradient;
  for (var j = 0u; j < 4u && 4u * column + j < layer.fanOut; j++) {
    partials[first + j] = own[j];
  }
}

@compute @workgroup_size(THREADS)
fn trainTiles(
  @builtin(local_invocation_index) thread: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let split = step.firstRow / slices.rows + group.y * groups.x + group.x;
  let member = step.firstMember + group.z;
  if (split >= slices.splits || member >= slices.members) {
    return;
  }
  firstParameter = member * PARAMETERS;
  firstPartial = (split * slices.members + member) * (PARAMETERS + 1u);
  let orderSeed = settings[member].orderSeed;
  heldOutFrom = settings[member].heldOutFrom;
  let key = orderKeyOf(step.orderKey, step.epoch, orderSeed);
  clearSums();
  // Slices behind the chunk are written as 0: their own chunk comes later, or the batch has ended.
  let start = split * slices.rows - step.firstRow;
  let end = min(start + slices.rows, step.chunkRows);
  for (var first = start; first < end; first += TILE) {
    addTile(thread, first, min(TILE, end - first), key, orderSeed);
  }
  handOutSums(thread);
  shareLoss(thread);
  workgroupBarrier();
  if (thread == 0u) {
    partials[firstPartial + PARAMETERS] = lossOfBatch();
  }
}
