// Functions of one number that WGSL lacks, or has with a larger error or a smaller domain: rows of src/math/primitives.ts.

// Distribution function of the standard normal, ½ erfc(−x/√2), without cancellation in either tail: (1 + 2t) · exp(t²) · erfc(t) is a
// polynomial of (t − 2) / (t + 2) to 3e-8 (fitted at Chebyshev's points; the form is N. Juffa's). To about 3e-7 relative, and in the
// lower tail to what the exponential is off by: WGSL allows it 3 + x² units in the last place.
fn normalDistribution(x: f32) -> f32 {
  let a = min(abs(x), 14.2); // beyond it the value is below the smallest f32
  let t = 0.70710678118 * a;
  let q = (t - 2.0) / (t + 2.0);
  var p = fma(-4.24122529e-4, q, -1.26411949e-3);
  p = fma(p, q, 1.32779028e-3);
  p = fma(p, q, 8.66425515e-3);
  p = fma(p, q, -8.06082511e-3);
  p = fma(p, q, -5.42142665e-2);
  p = fma(p, q, 1.64054921e-1);
  p = fma(p, q, -1.6603042e-1);
  p = fma(p, q, -9.27639492e-2);
  p = fma(p, q, 1.27697838);
  let square = a * a;
  let e = exp(-0.5 * square);
  let density = fma(-0.5 * fma(a, a, -square), e, e); // with the digits that the square lost
  let half = 0.5 * density * (p / fma(t, 2.0, 1.0));
  return select(half, 1.0 - half, x > 0.0);
}

// log(1 + exp(−|x|)) = 2 artanh(e / (2 + e)), a polynomial of the doubled quotient to 4e-9: a logarithm of 1 + e would lose digits of e.
fn logOnePlusExpNegative(x: f32) -> f32 {
  let e = exp(-min(abs(x), 87.33654));
  let q = 2.0 * e / (2.0 + e);
  let s = q * q;
  return q * fma(fma(fma(fma(5.499566086e-4, s, 2.184777949e-3), s, 1.250768601e-2), s, 8.333290205e-2), s, 1.0);
}

// Right down to the smallest normal number, 2⁻¹²⁶ at −87.3; its tail below is held there, where devices have it: so its logarithm
// has a slope, and the exponential stays finite.
fn sigmoid(x: f32) -> f32 {
  let bounded = bitcast<f32>(min(bitcast<i32>(-x), 0x42aeac4f)); // 87.33654, by the bits: a minimum of floats looks for NaN as well
  return 1.0 / (1.0 + exp(bounded));
}

// Sine and cosine of every finite x, never beyond ±1: the builtins may be off by 2⁻¹¹, and are undefined outside [−π, π]. Off by 2.5
// units in the last place below 16,384, and by 3e-7 from there on, where f32 are 1/512 apart and more.

const LARGE_ANGLE = 0x46800000u;  // 16,384 as bits

// Whether |x| ≥ 16,384; not for infinity and NaN, of which the reduction below makes NaN.
fn isLargeAngle(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) - LARGE_ANGLE < 0x7f800000u - LARGE_ANGLE;
}

// Three words of 1 / (2π) from word `at` on, of 0 … 4; word 1 begins behind the binary point.
fn inverseTurn(at: u32) -> vec3u {
  let fours = vec4u(0x7d4d3770u, 0x36d8a566u, 0x4f10e410u, 0u);
  let first = select(vec4u(0u, 0x28be60dbu, 0x9391054au, 0x7f09d5f4u), fours, at >= 4u);
  let even = select(first, vec4u(first.zw, fours.xy), (at & 2u) != 0u);
  return select(even.xyz, even.yzw, (at & 1u) != 0u);
}

// The same angle in [−π, π] if x is large, else x: x / (2π) without whole turns, in integers (Payne and Hanek). Masked lanes pay
// for it as well on some devices, so that kernels with many angles take it once for all of them (src/backend/webgpu/emit/emitFunctions.ts).
fn boundedAngle(x: f32) -> f32 {
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  let significand = (magnitude & 0x7fffffu) | 0x800000u;
  let exponent = (magnitude >> 23u) - 118u; // of the significand's last bit, and 32 for the word of zeros
  let words = inverseTurn(exponent >> 5u);
  let shift = exponent & 31u;
  let turns = (words.xy << vec2u(shift)) | ((words.yz >> vec2u(1u)) >> vec2u(31u - shift));
  // Units of 2⁻³² turns, up to two of them off; whole turns overflow.
  let carry = f32(i32(significand)) * f32(i32(turns.y >> 8u)) * 0x1p-24;
  let fraction = bitcast<i32>(significand * turns.x + u32(i32(carry)));
  let angle = f32(fraction) * 1.4629180792671596e-9;
  return select(x, select(angle, -angle, x < 0.0), isLargeAngle(x));
}

// x − halfTurns · π by Cody and Waite. Products with the first three parts are exact below 16,384, halves of half turns included.
fn reducedAngle(x: f32, halfTurns: f32) -> f32 {
  var r = fma(halfTurns, -3.140625, x);
  r = fma(halfTurns, -9.670257568359375e-4, r);
  r = fma(halfTurns, -6.277114152908325e-7, r);
  return fma(halfTurns, -1.215420125655342e-10, r);
}

// sin(r) in [−π/2, π/2] by an odd polynomial, with the sign changed where half turns are odd.
fn sineOfReduced(r: f32, halfTurns: i32) -> f32 {
  let s = r * r;
  var p = fma(2.6083159809786593541503e-06, s, -1.981069071916863322258e-04);
  p = fma(p, s, 8.33307858556509017944336e-03);
  p = fma(p, s, -1.666665971279144287109375e-01);
  let value = fma(p * s, r, r);
  let bounded = select(value, trunc(value), abs(value) > 1.0); // it may round to more
  return bitcast<f32>(bitcast<u32>(bounded) ^ (u32(halfTurns) << 31u));
}

// Below 16,384; NaN for infinity and NaN.
fn boundedSine(x: f32) -> f32 {
  let halfTurns = round(x * 0.31830988618);
  return sineOfReduced(reducedAngle(x, halfTurns), i32(halfTurns));
}

// cos(x) = sin(x + π/2), reduced by an odd number of quarter turns.
fn boundedSineSlope(x: f32) -> f32 {
  let halfTurns = floor(x * 0.31830988618);
  return sineOfReduced(reducedAngle(x, halfTurns + 0.5), ~i32(halfTurns));
}

fn sine(x: f32) -> f32 { return boundedSine(boundedAngle(x)); }

fn cosine(x: f32) -> f32 { return boundedSineSlope(boundedAngle(x)); }

// tanh: the builtin is NaN beyond ±89 on some drivers; near 0 the quotient would cancel.
fn hyperbolicTangent(z: f32) -> f32 {
  let s = z * z;
  if (s < 0.16) {
    return fma(z * s, fma(s, fma(s, fma(s, fma(s, -8.863235e-3, 2.1869489e-2), -5.3968254e-2), 1.3333333e-1), -3.3333333e-1), z);
  }
  let e = exp(-2.0 * min(abs(z), 40.0));
  return sign(z) * (1.0 - e) / (1.0 + e);
}

// exp(z) − 1, by its series near 0.
fn exponentialMinusOne(z: f32) -> f32 {
  if (abs(z) < 0.25) {
    return fma(z * z, fma(z, fma(z, fma(z, fma(z, 1.3888889e-3, 8.3333333e-3), 4.1666667e-2), 1.6666667e-1), 0.5), z);
  }
  return exp(max(z, -80.0)) - 1.0;
}

// Density of the standard normal; 0 from where it is no normal number.
fn normalDensity(x: f32) -> f32 {
  let square = x * x;
  return select(0.39894228040 * exp(-0.5 * square), 0.0, square > 173.0);
}

// log(1 + e^x). Selecting keeps NaN, which a maximum may lose.
fn softplus(x: f32) -> f32 {
  return select(x, 0.0, x <= 0.0) + logOnePlusExpNegative(x);
}

// By the logarithm of |x|, which loses the sign and is wrong at 0. A root of a negative number is NaN, as far as a
// device has one.
fn powerByLogarithm(x: f32, exponent: f32) -> f32 {
  let magnitude = select(pow(abs(x), exponent), select(0.0, 1.0 / abs(x), exponent < 0.0), x == 0.0);
  let isOdd = fract(0.5 * exponent) == 0.5;
  let ofNegative = select(sqrt(x), select(magnitude, -magnitude, isOdd), exponent == round(exponent));
  return select(magnitude, ofNegative, x < 0.0);
}

// Whole exponents by squaring: a logarithm would lose digits.
fn power(x: f32, exponent: f32) -> f32 {
  if ((exponent != round(exponent)) | (abs(exponent) > 64.0)) {
    return powerByLogarithm(x, exponent);
  }
  let bits = u32(abs(exponent));
  var result = 1.0;
  var square = x;
  for (var bit = 0u; bit < 7u; bit++) {
    if (((bits >> bit) & 1u) == 1u) {
      result *= square;
    }
    if ((bits >> (bit + 1u)) == 0u) {
      break;
    }
    square *= square;
  }
  return select(result, 1.0 / result, exponent < 0.0);
}

// Some devices have a finite logarithm of 0 and of negative numbers.
fn naturalLogarithm(x: f32) -> f32 {
  return select(log(x), select(sqrt(x), -1.0 / abs(x), x == 0.0), x <= 0.0);
}

// On some devices the exponential of NaN is finite, so NaN is detected by its bits: a compiler may assume that there is none.
fn exponential(x: f32) -> f32 {
  let isNaN = (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
  return select(exp(x), x, isNaN);
}
