// Whole training steps of small networks: LANES invocations train one replica, step after step, each on its share of the batch. Each
// keeps the replica's parameters, gradients and moments in registers, and takes the same update. Barrier-free; memory is touched
// for the data and one loss a step. With several lanes a workgroup is one subgroup, whose lanes all go the same way.
// Buffers: replicaRun.wgsl. Twin: src/backend/cpu/step.ts and src/backend/cpu/update.ts, step by step.

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
#expects fn laneSum(value: f32) -> f32
#expects fn updateNetwork()

@group(0) @binding(7) var<storage, read_write> storedMoments: array<f32>;

const THREADS = select(LANES, 64u, LANES == 1u);

@compute @workgroup_size(THREADS)
fn trainReplicas(
  @builtin(local_invocation_index) thread: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let replica = run.firstReplica + ((group.y * groups.x + group.x) * THREADS + thread) / LANES;
  if (replica >= run.endReplica) {
    return;
  }
  let lane = thread % LANES;
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
