// What the cross entropies are made of, in forms that keep their digits as a probability comes near 1: there p − t would be the
// difference of two numbers that are all but equal. Twin: src/cpu/softmax.ts.
// Of a row of logits the largest, the first of several, is set apart. Exponentials are taken with it taken off, so that its own
// is 1, and those of all others are added by themselves: 1 + rest would swallow a small rest. Sums of a row are
// vec2f(exponentials, targets).

// exp(x) for x ≤ 0; below −87 the value, 1.6e-38, is taken for 0: the next ones are no normal numbers, and some devices return
// NaN. By the bits, so that −∞ gives 0 and NaN stays NaN: a comparison may be compiled as if neither could be.
fn exponentialOf(x: f32) -> f32 {
  let size = bitcast<u32>(x) & 0x7fffffffu;
  let value = select(exp(max(x, -87.0)), 0.0, size > 0x42ae0000u);
  return select(value, x, size > 0x7f800000u);
}

// log(1 + x) for 0 ≤ x ≤ 1: 2 artanh(x / (2 + x)), an odd series without cancellation (minimax, 7e-10 relative). The logarithm
// of 1 + x would lose everything below 2⁻²⁴.
fn logOnePlusSmall(x: f32) -> f32 {
  let s = x / (2.0 + x);
  let z = s * s;
  let p = fma(fma(fma(fma(0.11616232, z, 0.10847931), z, 0.14296982), z, 0.19999819), z, 0.33333334);
  return 2.0 * fma(s * z, p, s);
}

// log(1 + x) for x ≥ 0.
fn logOnePlus(x: f32) -> f32 {
  return select(logOnePlusSmall(x), log(1.0 + x), x > 1.0);
}

// t · x; 0 where t is 0, though x be infinite: a logit of −∞ masks its class. By the bits of t.
fn targetTimes(t: f32, x: f32) -> f32 {
  return select(t * x, 0.0, (bitcast<u32>(t) & 0x7fffffffu) == 0u);
}

// 0, or NaN where the largest logit is not finite: a row of −∞ only has no probabilities, and one with ∞ has diverged.
fn zeroIfFinite(largest: f32) -> f32 {
  let bits = bitcast<u32>(largest);
  return bitcast<f32>(select(0u, bits | 0x7fc00000u, (bits & 0x7f800000u) == 0x7f800000u));
}

// One class's part of the sums of all but the largest.
fn partOfRest(exponential: f32, t: f32, isLargest: bool) -> vec2f {
  return select(vec2f(exponential, t), vec2f(), isLargest);
}

// p · Σt − t, which is p · (targets of the others) − t · (probabilities of the others): nothing cancels.
//   rest  sums of all but the largest
//   all   sums of all
//   scale 1 / all.x, or a multiple of it
fn crossEntropySlope(exponential: f32, t: f32, isLargest: bool, rest: vec2f, all: vec2f, scale: f32) -> f32 {
  let others = select(all - vec2f(exponential, t), rest, isLargest); // at most half of `all` is taken off
  return scale * (exponential * others.y - t * others.x);
}
