// For loss.wgsl: −Σ t · log softmax of a sample, whose outputs are logits; see crossEntropy.wgsl.

#import step
#import crossEntropy
#expects var step: Step
#expects var layer: Layer
#expects var outputs: array<f32, 1>
#expects var targets: array<f32, 1>
#expects var dOutputs: array<f32, 1>

fn sampleLoss(firstOutput: u32, firstSaved: u32, firstTarget: u32, firstGradient: u32) -> f32 {
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
