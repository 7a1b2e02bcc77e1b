// For score.wgsl: the sum of a loss of every output by itself, and where outputs are logits how many of them have the right sign.

#expects var outputs: array<f32, 1>
#expects var targets: array<f32, 1>
#expects fn elementLoss(y: f32, t: f32) -> vec2f
#expects const COUNTS_SIGNS: bool

fn scoreSample(firstOutput: u32, firstTarget: u32, fanOut: u32) -> vec2f {
  var total = 0.0;
  var hits = 0.0;
  for (var column = 0u; column < fanOut; column++) {
    let output = outputs[firstOutput + column];
    let t = targets[firstTarget + column];
    total += elementLoss(output, t).x;
    if (COUNTS_SIGNS) {
      hits += select(0.0, 1.0, (output > 0.0) == (t > 0.5));
    }
  }
  return vec2f(total, hits);
}
