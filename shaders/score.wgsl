// Sums of the losses and of the right answers over a slice of rows, one invocation per (slice, replica).
//   outputs [replicas, chunkRows, fanOut]   of the chunk's rows; logits where the loss takes logits
//   targets [chunkRows, fanOut]
//   losses  [slots, replicas]               slice s of the data is summed in slot s modulo slots, in order
//   hits    [slots, replicas]
// A slice is SLICE_ROWS rows of the data, however these are cut into chunks: one that a chunk before has begun goes on from its
// sums, so that no bit depends on the cuts. Twin: src/cpu/score.ts.

#import step
#import elementLoss

const SLICE_ROWS = 128u;

struct Score {
  fanOut: u32,
  replicas: u32,
  groupReplicas: u32,  // replicas from step.firstReplica on that this dispatch scores
  slots: u32,
}

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> shape: Score;
@group(0) @binding(2) var<storage, read> outputs: array<f32>;
@group(0) @binding(3) var<storage, read> targets: array<f32>;
@group(0) @binding(4) var<storage, read_write> losses: array<f32>;
@group(0) @binding(5) var<storage, read_write> hits: array<u32>;

// Place of the largest output; of several the first counts.
fn answerAt(firstOutput: u32) -> u32 {
  var answer = 0u;
  for (var column = 1u; column < shape.fanOut; column++) {
    answer = select(answer, column, outputs[firstOutput + column] > outputs[firstOutput + answer]);
  }
  return answer;
}

// −Σ t · log softmax; see crossEntropy.wgsl.
fn softmaxLoss(firstOutput: u32, firstTarget: u32, place: u32) -> f32 {
  let largest = outputs[firstOutput + place];
  var rest = zeroIfFinite(largest);
  var targetSum = 0.0;
  var distance = 0.0;
  for (var column = 0u; column < shape.fanOut; column++) {
    let t = targets[firstTarget + column];
    let shifted = outputs[firstOutput + column] - largest;
    rest += select(exponentialOf(shifted), 0.0, column == place);
    targetSum += t;
    distance -= targetTimes(t, shifted);
  }
  return fma(targetSum, logOnePlus(rest), distance);
}

// 1 where the largest output stands at the largest target; of several the first counts.
fn softmaxHits(firstTarget: u32, answer: u32) -> u32 {
  var truth = 0u;
  for (var column = 1u; column < shape.fanOut; column++) {
    truth = select(truth, column, targets[firstTarget + column] > targets[firstTarget + truth]);
  }
  return select(0u, 1u, answer == truth);
}

@compute @workgroup_size(64)
fn score(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = linearIndex(id, groups, 64u);
  let replica = step.firstReplica + index % shape.groupReplicas;
  let slice = step.firstPosition / SLICE_ROWS + index / shape.groupReplicas;
  let firstRow = max(slice * SLICE_ROWS, step.firstPosition);
  let endRow = min((slice + 1u) * SLICE_ROWS, step.firstPosition + step.chunkRows);
  if (firstRow >= endRow || replica >= shape.replicas) {
    return;
  }
  let at = (slice % shape.slots) * shape.replicas + replica;
  var total = 0.0;
  var right = 0u;
  if (firstRow % SLICE_ROWS != 0u) {
    total = losses[at];
    right = hits[at];
  }
  for (var row = firstRow - step.firstPosition; row < endRow - step.firstPosition; row++) {
    let firstOutput = (replica * step.chunkRows + row) * shape.fanOut;
    let firstTarget = row * shape.fanOut;
    var sample = 0.0;
    if (LOSS == 5u) {
      let answer = answerAt(firstOutput);
      sample = softmaxLoss(firstOutput, firstTarget, answer);
      right += softmaxHits(firstTarget, answer);
    } else {
      for (var column = 0u; column < shape.fanOut; column++) {
        let output = outputs[firstOutput + column];
        let t = targets[firstTarget + column];
        sample += elementLoss(output, t).x;
        if (LOSS == 4u) {
          right += select(0u, 1u, (output > 0.0) == (t > 0.5));
        }
      }
    }
    total += sample;
  }
  losses[at] = total;
  hits[at] = right;
}
