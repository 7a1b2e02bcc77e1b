// Loss of one value by every loss but softmaxCrossEntropy, which takes a whole row. Twin: src/cpu/loss.ts.

override LOSS: u32 = 0u;        // place in lossNames of src/network.ts; the default is squaredError

// vec2f(loss, its derivative by output) of one value.
fn elementLoss(output: f32, t: f32) -> vec2f {
  let d = output - t;
  switch (LOSS) {
    case 1u: { return vec2f(d * d, 2.0 * d); }
    case 2u: { return vec2f(abs(d), sign(d)); }
    case 3u: { return select(vec2f(abs(d) - 0.5, sign(d)), vec2f(0.5 * d * d, d), abs(d) <= 1.0); }
    // max(x, 0) − x·t + log(1 + exp(−|x|))
    case 4u: { return vec2f(max(output, 0.0) - output * t + logOnePlusExpNegative(output), sigmoid(output) - t); }
    default: { return vec2f(0.5 * d * d, d); }
  }
}
