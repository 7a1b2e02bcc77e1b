// What the cross entropies are made of, in forms that keep their digits as a probability comes near 1: there p − t would be the
// difference of two numbers that are nearly equal. CPU reference: src/backend/cpu/softmax.ts.
// Of a row of logits the largest, the first of several, is set apart. Exponentials are taken with it taken off, so that its own
// is 1, and those of all others are added by themselves: 1 + rest would swallow a small rest. What must not be lost where a
// compiler may assume that no value is infinite or NaN is tested by its bits.

// exp(x) for x ≤ 0; below −87 the value, 1.6e-38, is taken for 0: the next ones are no normal numbers, and some devices return
// NaN. −∞ gives 0, NaN stays NaN.
fn exponentialOf(x: f32) -> f32 {
  let size = bitcast<u32>(x) & 0x7fffffffu;
  let value = exp(-bitcast<f32>(min(size, 0x42ae0000u)));
  return select(select(value, 0.0, size > 0x42ae0000u), x, size > 0x7f800000u);
}

// log(1 + x) for 0 ≤ x ≤ 1: 2 artanh(x / (2 + x)), an odd series without cancellation (minimax, 7e-10 relative). The logarithm
// of 1 + x would lose everything below 2⁻²⁴.
fn logOnePlusSmall(x: f32) -> f32 {
  let s = x / (2.0 + x);
  let z = s * s;
  let p = fma(fma(fma(fma(0.11616232, z, 0.10847931), z, 0.14296982), z, 0.19999819), z, 0.33333334);
  return 2.0 * fma(s * z, p, s);
}

// log(1 + x) for x ≥ 0: beyond 1 by the exponent of 1 + x and what is left of it.
fn logOnePlus(x: f32) -> f32 {
  let bits = bitcast<u32>(1.0 + x);
  let left = bitcast<f32>((bits & 0x007fffffu) | 0x3f800000u) - 1.0;
  let twos = f32((bits >> 23u) & 0xffu) - 127.0;
  let value = fma(twos, 0.69314718, logOnePlusSmall(select(left, x, x < 1.0)));
  return select(value, x, bits > 0x7f800000u);
}

// t · x; 0 where t is 0, though x be infinite: a logit of −∞ masks its class.
fn targetTimes(t: f32, x: f32) -> f32 {
  return select(t * x, 0.0, (bitcast<u32>(t) & 0x7fffffffu) == 0u);
}

// 0, or NaN where the largest logit is not finite: a row of −∞ only has no probabilities, and one with ∞ has diverged.
fn zeroIfFinite(largest: f32) -> f32 {
  let bits = bitcast<u32>(largest);
  return bitcast<f32>(select(0u, bits | 0x7fc00000u, (bits & 0x7f800000u) == 0x7f800000u));
}

// Sums of a row.
struct SoftmaxSums {
  rest: f32,         // exponentials of all but the largest
  restTargets: f32,  // targets of all but the largest
  targets: f32,      // … of all
}

// What slopes of a row are made of, each times `scale`.
struct SoftmaxSlopes {
  scale: f32,
  perExponential: f32,
  ofLargest: f32,
}

// Slopes p · Σt − t. That of the largest is p · (targets of the others) − t · (probabilities of the others), of which nothing
// cancels as p goes to 1. The others have p ≤ ½, so that p · Σt − t cancels no more than that does.
fn slopesOf(sums: SoftmaxSums, scale: f32) -> SoftmaxSlopes {
  let share = scale / (1.0 + sums.rest);
  let own = sums.targets - sums.restTargets;
  return SoftmaxSlopes(scale, share * sums.targets, share * fma(-own, sums.rest, sums.restTargets));
}

fn slopeOf(slopes: SoftmaxSlopes, exponential: f32, t: f32, isLargest: bool) -> f32 {
  return select(fma(exponential, slopes.perExponential, -slopes.scale * t), slopes.ofLargest, isLargest);
}
