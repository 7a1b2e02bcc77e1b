// Loss of one value by every loss but softmaxCrossEntropy, which takes a whole row. Twin: src/cpu/loss.ts.

#import crossEntropy

override LOSS: u32 = 0u;        // place in lossNames of src/network.ts; the default is squaredError

// (1 − t)·max(x, 0) + t·max(−x, 0) + log(1 + e^−|x|), and its derivative (1 − t)·σ(x) − t·σ(−x).
fn binaryCrossEntropy(x: f32, t: f32) -> vec2f {
  let e = exponentialOf(-abs(x));
  let near = 1.0 / (1.0 + e);  // σ(|x|)
  let far = e * near;          // σ(−|x|)
  let linear = targetTimes(1.0 - t, max(x, 0.0)) + targetTimes(t, max(-x, 0.0));
  let slope = select((1.0 - t) * far - t * near, (1.0 - t) * near - t * far, x > 0.0);
  return vec2f(linear + logOnePlusSmall(e), slope);
}

// vec2f(loss, its derivative by output) of one value.
fn elementLoss(output: f32, t: f32) -> vec2f {
  let d = output - t;
  switch (LOSS) {
    case 1u: { return vec2f(d * d, 2.0 * d); }
    case 2u: { return vec2f(abs(d), sign(d)); }
    case 3u: { return select(vec2f(abs(d) - 0.5, sign(d)), vec2f(0.5 * d * d, d), abs(d) <= 1.0); }
    case 4u: { return binaryCrossEntropy(output, t); }
    default: { return vec2f(0.5 * d * d, d); }
  }
}
