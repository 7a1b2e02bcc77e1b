// Whole training steps of small networks: the lanes of one subgroup train one replica, each on its share of the batch, and sum
// their gradients by shuffles; each then takes the same update. Barrier-free. A workgroup is one subgroup, so that lanes are
// known; all of its lanes go the same way, which the compiler cannot see.
// Buffers: replicaRun.wgsl. Twin: src/cpu/step.ts and src/cpu/update.ts, step by step.

#import order
#import replicaRun
#expects const LANES: u32
#expects const PARAMETERS: u32
#expects const SAMPLES: u32
#expects var lossSum: f32
#expects fn readNetwork(first: u32)
#expects fn writeNetwork(first: u32)
#expects fn readMoments(first: u32)
#expects fn writeMoments(first: u32)
#expects fn clearGradients()
#expects fn addSamples(row: u32, stride: u32, end: u32, key: vec2u, orderSeed: vec2u)
#expects fn sumGradients()
#expects fn updateNetwork()

enable subgroups;
// Quads and subgroups branch together, which no compiler sees.
diagnostic(off, subgroup_uniformity);

@group(0) @binding(7) var<storage, read_write> storedMoments: array<f32>;

// Sum over the subgroup in a fixed order; the same bits in every lane.
fn laneSum(value: f32) -> f32 {
  var sum = value + quadSwapX(value);
  sum += quadSwapY(sum);
  for (var mask = 4u; mask < LANES; mask *= 2u) {
    sum += subgroupShuffleXor(sum, mask);
  }
  return sum;
}

@compute @workgroup_size(LANES)
fn trainSubgroups(
  @builtin(subgroup_invocation_id) lane: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let replica = run.firstReplica + group.y * groups.x + group.x;
  if (replica >= run.endReplica) {
    return;
  }
  let first = replica * PARAMETERS;
  let leastAt = hyper.replicas + replica;
  var least = bitcast<f32>(atomicLoad(&status[leastAt]));
  var leastStep = atomicLoad(&status[leastAt + hyper.replicas]);
  allFinite = atomicLoad(&status[replica]) == NO_STEP;
  rates = settings[replica];
  readNetwork(first);
  readMoments(first);
  for (var index = 0u; index < run.steps; index++) {
    step = steps[index];
    let lossAt = step.lossSlot * hyper.replicas + replica;
    if (!allFinite) {
      if (lane == 0u) {
        losses[lossAt] = stoppedLoss();
      }
      continue;
    }
    let key = orderKeyOf(step.orderKey, step.epoch, rates.orderSeed);
    clearGradients();
    lossSum = 0.0;
    for (var row = lane; row < step.chunkRows; row += SAMPLES * LANES) {
      addSamples(row, LANES, step.chunkRows, key, rates.orderSeed);
    }
    let loss = laneSum(lossSum);
    sumGradients();
    if (loss < least) {
      least = loss;
      leastStep = step.index;
    }
    watch(loss);
    updateNetwork();
    if (lane == 0u) {
      losses[lossAt] = loss;
      if (!allFinite) {
        atomicStore(&status[replica], step.index);
      }
    }
  }
  if (lane == 0u) {
    atomicStore(&status[leastAt], bitcast<u32>(least));
    atomicStore(&status[leastAt + hyper.replicas], leastStep);
    writeNetwork(first);
    writeMoments(first);
  }
}
