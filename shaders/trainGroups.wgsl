// Whole training steps of networks too large for one invocation: one workgroup trains one member, step after step, its
// parameters in workgroup memory. The batch is taken in tiles of samples, see sampleTile.wgsl.
// Buffers: memberRun.wgsl. CPU reference: src/backend/cpu/step.ts and src/backend/cpu/update.ts, step by step.

#import shuffle
#import tileGradients
#import memberRun
#expects const PARAMETERS: u32
#expects const LAYERS: u32
#expects const COPY: u32
#expects const OWNERS: u32
#expects fn clearSums()
#expects fn applyGradients(thread: u32)
#expects fn addTile(thread: u32, first: u32, count: u32, key: vec2u, orderSeed: vec2u)

@group(0) @binding(7) var<storage, read_write> moments: array<f32>;

// Index of the member's first parameter.
var<private> firstParameter: u32;
// Weights and bias of every layer [fanIn + 1, fanOut], rows filled up with 0 to a multiple of 4.
var<workgroup> weights: array<vec4f, COPY>;
// Whether all values of a thread were finite; and whether the member continues.
var<workgroup> finiteParts: array<u32, OWNERS>;
var<workgroup> goesOn: u32;

fn stateAt(at: u32, state: u32) -> u32 {
  return at + state * hyper.members * hyper.parameterCount;
}

fn weightsAt(layer: Dense, row: u32, column: u32) -> vec4f {
  return weights[layer.copyOffset + row * layer.columns + column];
}

fn parameterAt(layer: Dense, row: u32, column: u32) -> u32 {
  return firstParameter + layer.weightsOffset + row * layer.fanOut + 4u * column;
}

fn readWeights(thread: u32) {
  for (var index = 0u; index < LAYERS; index++) {
    let layer = layerAt(index);
    for (var item = thread; item < (layer.fanIn + 1u) * layer.columns; item += THREADS) {
      let first = parameterAt(layer, item / layer.columns, item % layer.columns);
      var row = vec4f();
      for (var j = 0u; j < 4u && item % layer.columns * 4u + j < layer.fanOut; j++) {
        row[j] = parameters[first + j];
      }
      weights[layer.copyOffset + item] = row;
    }
  }
}

fn writeWeights(thread: u32) {
  for (var index = 0u; index < LAYERS; index++) {
    let layer = layerAt(index);
    for (var item = thread; item < (layer.fanIn + 1u) * layer.columns; item += THREADS) {
      let first = parameterAt(layer, item / layer.columns, item % layer.columns);
      var row = weights[layer.copyOffset + item];
      for (var j = 0u; j < 4u && item % layer.columns * 4u + j < layer.fanOut; j++) {
        parameters[first + j] = row[j];
      }
    }
  }
}

// The optimizer's step with up to four parameters. Nobody else reads or writes their vec4f between two barriers.
fn updateBlock(layer: Dense, row: u32, column: u32, gradient: vec4f) {
  let at = layer.copyOffset + row * layer.columns + column;
  let first = parameterAt(layer, row, column);
  var own = gradient;
  var updated = weights[at];
  for (var j = 0u; j < 4u && 4u * column + j < layer.fanOut; j++) {
    updated[j] = optimize(updated[j], own[j], first + j);
  }
  weights[at] = updated;
}

// Notes the loss and whether the member continues; by one thread.
fn report(member: u32, least: ptr<function, vec2u>) {
  let loss = lossOfBatch();
  losses[step.lossSlot * hyper.members + member] = loss;
  if (loss < bitcast<f32>((*least).x)) {
    *least = vec2u(bitcast<u32>(loss), step.index);
  }
  watch(loss);
  for (var owner = 0u; owner < OWNERS; owner++) {
    allFinite = allFinite & (finiteParts[owner] == 1u);
  }
  if (!allFinite) {
    atomicStore(&status[member], step.index);
    goesOn = 0u;
  }
}

@compute @workgroup_size(THREADS)
fn trainGroups(
  @builtin(local_invocation_index) thread: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let member = run.firstMember + group.y * groups.x + group.x;
  if (member >= run.endMember) {
    return;
  }
  firstParameter = member * PARAMETERS;
  rates = settings[member];
  heldOutFrom = rates.heldOutFrom;
  let leastAt = hyper.members + member;
  var least = vec2u(atomicLoad(&status[leastAt]), atomicLoad(&status[leastAt + hyper.members]));
  if (thread == 0u) {
    goesOn = select(0u, 1u, atomicLoad(&status[member]) == NO_STEP);
  }
  readWeights(thread);
  for (var index = 0u; index < run.steps; index++) {
    let rows = steps[index].chunkRows;
    step = steps[index];
    // Also the barrier behind the weights that the step before has written.
    if (workgroupUniformLoad(&goesOn) == 0u) {
      if (thread == 0u) {
        losses[step.lossSlot * hyper.members + member] = stoppedLoss();
      }
      continue;
    }
    let key = orderKeyOf(step.orderKey, step.epoch, rates.orderSeed);
    clearSums();
    for (var first = 0u; first < rows; first += TILE) {
      addTile(thread, first, min(TILE, rows - first), key, rates.orderSeed);
    }
    applyGradients(thread);
    shareLoss(thread);
    if (thread < OWNERS) {
      finiteParts[thread] = select(0u, 1u, allFinite);
    }
    workgroupBarrier();
    if (thread == 0u) {
      report(member, &least);
    }
  }
  workgroupBarrier();
  writeWeights(thread);
  if (thread == 0u) {
    atomicStore(&status[leastAt], least.x);
    atomicStore(&status[leastAt + hyper.members], least.y);
  }
}
