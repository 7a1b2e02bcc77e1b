// For score.wgsl: the sum of a loss of every output by itself, and where outputs are logits how many of them have the right sign.
// `elementLoss` is written by src/gpu/emitLoss.ts, COUNTS_SIGNS by kernels.ts.

fn scoreSample(firstOutput: u32, firstTarget: u32) -> SampleScore {
  var sample = SampleScore(0.0, 0u);
  for (var column = 0u; column < shape.fanOut; column++) {
    let output = outputs[firstOutput + column];
    let t = targets[firstTarget + column];
    sample.loss += elementLoss(output, t).x;
    if (COUNTS_SIGNS) {
      sample.hits += select(0u, 1u, (output > 0.0) == (t > 0.5));
    }
  }
  return sample;
}
