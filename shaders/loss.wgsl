// Loss of each sample and its gradient by the pre-activations of the last layer, one invocation per sample.
//   outputs  [2, replicas, capacity, fanOut]      activations, and pre-activations in plane 1
//   targets  [rows, fanOut]
//   dOutputs [replicas, capacity, fanOut + 1]     the last column is the sample's loss: summed over the batch like a bias
// Both are scaled so that the sum over the batch is the mean the loss is defined by. Twin: src/cpu/loss.ts.

#import step
#import activation
#import elementLoss

override SAVED_PLANE: u32 = 0u; // plane of outputs that activateDerivative takes

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> layer: Layer;
@group(0) @binding(2) var<storage, read> outputs: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<f32>;
@group(0) @binding(4) var<storage, read> batchRows: array<u32>;
@group(0) @binding(5) var<storage, read_write> dOutputs: array<f32>;

// −Σ t · log softmax; see crossEntropy.wgsl.
fn softmaxLoss(firstOutput: u32, firstTarget: u32, firstGradient: u32) -> f32 {
  var place = 0u;
  var largest = outputs[firstOutput];
  for (var column = 1u; column < layer.fanOut; column++) {
    let logit = outputs[firstOutput + column];
    let isLarger = logit > largest;
    place = select(place, column, isLarger);
    largest = select(largest, logit, isLarger);
  }
  var sums = SoftmaxSums(zeroIfFinite(largest), 0.0, 0.0);
  var distance = 0.0;
  for (var column = 0u; column < layer.fanOut; column++) {
    let t = targets[firstTarget + column];
    let shifted = outputs[firstOutput + column] - largest;
    sums.rest += select(exponentialOf(shifted), 0.0, column == place);
    sums.restTargets += select(t, 0.0, column == place);
    sums.targets += t;
    distance -= targetTimes(t, shifted);
  }
  let slopes = slopesOf(sums, step.lossScale);
  for (var column = 0u; column < layer.fanOut; column++) {
    let e = exponentialOf(outputs[firstOutput + column] - largest);
    dOutputs[firstGradient + column] = slopeOf(slopes, e, targets[firstTarget + column], column == place);
  }
  return fma(sums.targets, logOnePlus(sums.rest), distance);
}

@compute @workgroup_size(64)
fn loss(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = linearIndex(id, groups, 64u);
  let replica = step.firstReplica + id.z;
  if (row >= step.chunkRows || replica >= layer.replicas) {
    return;
  }
  let sample = replica * layer.capacity + row;
  let firstOutput = sample * layer.fanOut;
  let firstGradient = sample * (layer.fanOut + 1u);
  let firstTarget = batchRows[replica * layer.rowsReplicaStride + row] * layer.fanOut;
  let plane = SAVED_PLANE * layer.replicas * layer.capacity * layer.fanOut;
  var total = 0.0;
  if (LOSS == 5u) {
    total = softmaxLoss(firstOutput, firstTarget, firstGradient);
  } else {
    for (var column = 0u; column < layer.fanOut; column++) {
      let element = elementLoss(outputs[firstOutput + column], targets[firstTarget + column]);
      let slope = activateDerivative(outputs[plane + firstOutput + column]);
      total += element.x;
      dOutputs[firstGradient + column] = step.lossScale * element.y * slope;
    }
  }
  dOutputs[firstGradient + layer.fanOut] = step.lossScale * total;
}
