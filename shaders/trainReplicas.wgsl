// Whole training steps of small networks: one invocation trains one replica, step after step, and keeps its parameters,
// gradients and moments in registers. Barrier-free; memory is touched for the data and one loss a step.
// Buffers: replicaRun.wgsl. Twin: src/cpu/step.ts and src/cpu/update.ts, step by step.

#import order
#import replicaRun
#expects const PARAMETERS: u32
#expects const SAMPLES: u32
#expects var lossSum: f32
#expects fn readNetwork(first: u32)
#expects fn writeNetwork(first: u32)
#expects fn readMoments(first: u32)
#expects fn writeMoments(first: u32)
#expects fn clearGradients()
#expects fn addSamples(row: u32, stride: u32, end: u32, key: vec2u, orderSeed: vec2u)
#expects fn updateNetwork()

@group(0) @binding(7) var<storage, read_write> storedMoments: array<f32>;

@compute @workgroup_size(64)
fn trainReplicas(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let replica = run.firstReplica + linearIndex(id, groups, 64u);
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
      losses[lossAt] = stoppedLoss();
      continue;
    }
    let key = orderKeyOf(step.orderKey, step.epoch, rates.orderSeed);
    clearGradients();
    lossSum = 0.0;
    for (var row = 0u; row < step.chunkRows; row += SAMPLES) {
      addSamples(row, 1u, step.chunkRows, key, rates.orderSeed);
    }
    let loss = lossSum;
    losses[lossAt] = loss;
    if (loss < least) {
      least = loss;
      leastStep = step.index;
    }
    watch(loss);
    updateNetwork();
    if (!allFinite) {
      atomicStore(&status[replica], step.index);
    }
  }
  atomicStore(&status[leastAt], bitcast<u32>(least));
  atomicStore(&status[leastAt + hyper.replicas], leastStep);
  writeNetwork(first);
  writeMoments(first);
}
