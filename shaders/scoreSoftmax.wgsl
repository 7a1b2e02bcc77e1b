// For score.wgsl: cross entropy of a sample, and whether its answer is right.

#import crossEntropy
#expects var outputs: array<f32, 1>
#expects var targets: array<f32, 1>

// Place of the largest output; of several the first counts.
fn answerAt(firstOutput: u32, fanOut: u32) -> u32 {
  var answer = 0u;
  for (var column = 1u; column < fanOut; column++) {
    answer = select(answer, column, outputs[firstOutput + column] > outputs[firstOutput + answer]);
  }
  return answer;
}

// −Σ t · log softmax; see crossEntropy.wgsl.
fn softmaxLoss(firstOutput: u32, firstTarget: u32, place: u32, fanOut: u32) -> f32 {
  let largest = outputs[firstOutput + place];
  var rest = zeroIfFinite(largest);
  var targetSum = 0.0;
  var distance = 0.0;
  for (var column = 0u; column < fanOut; column++) {
    let t = targets[firstTarget + column];
    let shifted = outputs[firstOutput + column] - largest;
    rest += select(exponentialOf(shifted), 0.0, column == place);
    targetSum += t;
    distance -= targetTimes(t, shifted);
  }
  return fma(targetSum, logOnePlus(rest), distance);
}

// 1 where the largest output is at the position of the largest target; of equal ones the first counts.
fn softmaxHits(firstTarget: u32, answer: u32, fanOut: u32) -> f32 {
  var truth = 0u;
  for (var column = 1u; column < fanOut; column++) {
    truth = select(truth, column, targets[firstTarget + column] > targets[firstTarget + truth]);
  }
  return select(0.0, 1.0, answer == truth);
}

fn scoreSample(firstOutput: u32, firstTarget: u32, fanOut: u32) -> vec2f {
  let answer = answerAt(firstOutput, fanOut);
  let loss = softmaxLoss(firstOutput, firstTarget, answer, fanOut);
  return vec2f(loss, softmaxHits(firstTarget, answer, fanOut));
}
