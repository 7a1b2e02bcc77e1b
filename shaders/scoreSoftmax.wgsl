// For score.wgsl: cross entropy of a sample, and whether its answer is right.

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

fn scoreSample(firstOutput: u32, firstTarget: u32) -> SampleScore {
  let answer = answerAt(firstOutput);
  return SampleScore(softmaxLoss(firstOutput, firstTarget, answer), softmaxHits(firstTarget, answer));
}
