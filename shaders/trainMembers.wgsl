// Whole training steps of small networks: LANES invocations train one member, step after step, each on its share of the batch. Each
// keeps the member's parameters, gradients and moments in registers, and takes the same update. Barrier-free; memory is touched
// for the data and one loss a step. With several lanes a workgroup is one subgroup, whose lanes all go the same way.
// Buffers: memberRun.wgsl. CPU reference: src/backend/cpu/step.ts and src/backend/cpu/update.ts, step by step.

#import shuffle
#import memberRun
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
fn trainMembers(
  @builtin(local_invocation_index) thread: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let member = run.firstMember + ((group.y * groups.x + group.x) * THREADS + thread) / LANES;
  if (member >= run.endMember) {
    return;
  }
  let lane = thread % LANES;
  let first = member * PARAMETERS;
  let leastAt = hyper.members + member;
  var least = bitcast<f32>(atomicLoad(&status[leastAt]));
  var leastStep = atomicLoad(&status[leastAt + hyper.members]);
  allFinite = atomicLoad(&status[member]) == NO_STEP;
  rates = settings[member];
  heldOutFrom = rates.heldOutFrom;
  readNetwork(first);
  readMoments(first);
  for (var index = 0u; index < run.steps; index++) {
    step = steps[index];
    let lossAt = step.lossSlot * hyper.members + member;
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
        atomicStore(&status[member], step.index);
      }
    }
  }
  if (lane == 0u) {
    atomicStore(&status[leastAt], bitcast<u32>(least));
    atomicStore(&status[leastAt + hyper.members], leastStep);
    writeNetwork(first);
    writeMoments(first);
  }
}
