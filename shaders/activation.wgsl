// Activation functions and their derivatives, in forms that stay finite for every finite input.
// Twin: src/cpu/activation.ts.

override ACTIVATION: u32 = 1u;  // place in activationNames of src/network.ts; the default is sigmoid

const LEAKY_SLOPE = 0.01;

// erfc(t) for t ≥ 0 (after N. Juffa, "my_erff": two minimax polynomials that meet at 475/512), about 1e-7 relative.
fn erfcPositive(t: f32) -> f32 {
  let s = t * t;
  if (t > 0.927734375) {
    // beyond 10 the value is below the smallest f32
    let c = min(t, 10.0);
    let q = c * c;
    var r = fma(-1.72853470e-5, c, 3.83197126e-4);
    let u = fma(-3.88396438e-3, c, 2.42546219e-2);
    r = fma(r, q, u);
    r = fma(r, c, -1.06777877e-1);
    r = fma(r, c, -6.34846687e-1);
    r = fma(r, c, -1.28717512e-1);
    return exp(fma(r, c, -c));
  }
  var p = -5.96761703e-4;
  p = fma(p, s, 4.99119423e-3);
  p = fma(p, s, -2.67681349e-2);
  p = fma(p, s, 1.12819925e-1);
  p = fma(p, s, -3.76125336e-1);
  p = fma(p, s, 1.28379166e-1);
  return 1.0 - fma(p, t, t);
}

// Distribution function of the standard normal: ½ erfc(−x/√2), without cancellation in either tail.
fn normalDistribution(x: f32) -> f32 {
  let half = 0.5 * erfcPositive(abs(x) * 0.70710678118);
  return select(half, 1.0 - half, x > 0.0);
}

// log(1 + exp(−|x|)): the logarithm alone would lose everything below 2⁻²⁴.
fn logOnePlusExpNegative(x: f32) -> f32 {
  let e = exp(-min(abs(x), 80.0));
  return select(log(1.0 + e), e * (1.0 - e * (0.5 - e * 0.333333333)), e < 0.01);
}

// Its tail below −80 is that at −80, 1.8e-35: the exponential must stay finite.
fn sigmoid(x: f32) -> f32 {
  let bounded = bitcast<f32>(min(bitcast<i32>(-x), 0x42a00000)); // by the bits: a minimum of floats looks for NaN as well
  return 1.0 / (1.0 + exp(bounded));
}

// Sine and cosine, within 2 units in the last place for every finite input (2.1 where a device does not fuse fma), and never beyond
// ±1: the builtins may be off by 2⁻¹¹ and are undefined outside [−π, π].

// Below it an angle is reduced by Cody and Waite: products of its half turns (at most 163, and halves) with the first three parts of π
// are exact. 512 as bits.
const LARGE_ANGLE = 0x44000000u;

// x − halfTurns · π.
fn reducedAngle(x: f32, halfTurns: f32) -> f32 {
  var r = fma(halfTurns, -3.140625, x);
  r = fma(halfTurns, -9.67502593994140625e-4, r);
  r = fma(halfTurns, -1.5099067240953445e-7, r);
  return fma(halfTurns, -5.126688136514179e-12, r);
}

// Whether |x| ≥ 512, but not for infinity and NaN: the short way makes NaN of these.
fn isLargeAngle(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) - LARGE_ANGLE < 0x7f800000u - LARGE_ANGLE;
}

// Eight bits of 1 / (2π); byte 4 begins behind the binary point.
fn inverseTurnByte(at: u32) -> u32 {
  let words = select(
    vec4u(0x00000000u, 0x28be60dbu, 0x9391054au, 0x7f09d5f4u),
    vec4u(0x7d4d3770u, 0x36d8a566u, 0x4f10e410u, 0x00000000u),
    at >= 16u,
  );
  return extractBits(words[(at >> 2u) & 3u], 24u - 8u * (at & 3u), 8u);
}

// |x| of a large angle by Payne and Hanek: |x| / (2π) without whole turns, as a fraction of 56 bits or more, to which `quarter` is
// added. Returns what is over the nearest half turn, in [−π/2, π/2], and in bit 31 whether the half turns are odd.
fn reducedLargeAngle(x: f32, quarter: u32) -> vec2u {
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  let significand = (magnitude & 0x7fffffu) | 0x800000u;
  let exponent = (magnitude >> 23u) - 118u; // of the significand's last bit, and 32 for the zeros in front of the table
  // Eleven bytes times the significand, from the last on; whole turns are beyond the first, so their bytes are not needed.
  var turns = vec2u();
  var carry = 0u;
  for (var count = 11u; count > 0u; count--) {
    let product = significand * inverseTurnByte((exponent >> 3u) + count - 1u) + carry;
    carry = product >> 8u;
    turns = vec2u((turns.x >> 8u) | (product << 24u), (turns.y >> 8u) | (turns.x << 24u));
  }
  let shift = exponent & 7u;
  let fraction = vec2u(((turns.x << shift) | ((turns.y >> 1u) >> (31u - shift))) + quarter, turns.y << shift);
  let isOdd = (fraction.x + 0x40000000u) & 0x80000000u;
  // Half turns over the nearest, by magnitude, so that no digit cancels, and as what is exact in f32.
  let over = vec2u((fraction.x << 1u) | (fraction.y >> 31u), fraction.y << 1u);
  let sign = bitcast<u32>(bitcast<i32>(over.x) >> 31u);
  let halfTurns = over ^ vec2u(sign);
  let high = f32(halfTurns.x & 0xffff0000u) * 0x1p-32;
  let low = fma(f32(halfTurns.y), 0x1p-64, f32(halfTurns.x & 0xffffu) * 0x1p-32);
  let r = fma(high, 3.140625, fma(high, 9.67653589793e-4, low * 3.14159265359));
  return vec2u(bitcast<u32>(r), isOdd ^ (sign & 0x80000000u));
}

// sin(r) in [−π/2, π/2], with the sign changed by bit 31 of `flips`.
fn sineOfReduced(r: f32, flips: u32) -> f32 {
  let s = r * r;
  var p = fma(2.6083159809786593541503e-06, s, -1.981069071916863322258e-04);
  p = fma(p, s, 8.33307858556509017944336e-03);
  p = fma(p, s, -1.666665971279144287109375e-01);
  let value = fma(p * s, r, r);
  return bitcast<f32>(bitcast<u32>(select(value, trunc(value), abs(value) > 1.0)) ^ flips);
}

fn sine(x: f32) -> f32 {
  let halfTurns = round(x * 0.31830988618);
  var r = reducedAngle(x, halfTurns);
  var flips = u32(i32(halfTurns)) << 31u;
  // A loop of one turn at most: unlike a branch, devices that mask their lanes pass over it where no lane takes it.
  for (var isLarge = isLargeAngle(x); isLarge; isLarge = false) {
    let reduced = reducedLargeAngle(x, 0u);
    r = bitcast<f32>(reduced.x);
    flips = reduced.y ^ (bitcast<u32>(x) & 0x80000000u);
  }
  return sineOfReduced(r, flips);
}

// cos(x) = sin(x + π/2), reduced by an odd number of quarter turns.
fn cosine(x: f32) -> f32 {
  let halfTurns = floor(x * 0.31830988618);
  var r = reducedAngle(x, halfTurns + 0.5);
  var flips = ~u32(i32(halfTurns)) << 31u;
  for (var isLarge = isLargeAngle(x); isLarge; isLarge = false) {
    let reduced = reducedLargeAngle(x, 0x40000000u);
    r = bitcast<f32>(reduced.x);
    flips = reduced.y;
  }
  return sineOfReduced(r, flips);
}

// tanh: the builtin is NaN beyond ±89 on some drivers; near 0 the quotient would cancel.
fn hyperbolicTangent(z: f32) -> f32 {
  let s = z * z;
  if (s < 0.16) {
    return fma(z * s, fma(s, fma(s, fma(s, fma(s, -8.863235e-3, 2.1869489e-2), -5.3968254e-2), 1.3333333e-1), -3.3333333e-1), z);
  }
  let e = exp(-2.0 * min(abs(z), 40.0));
  return sign(z) * (1.0 - e) / (1.0 + e);
}

// exp(z) − 1 for z ≤ 0, by its series near 0.
fn exponentialMinusOne(z: f32) -> f32 {
  if (z > -0.25) {
    return fma(z * z, fma(z, fma(z, fma(z, fma(z, 1.3888889e-3, 8.3333333e-3), 4.1666667e-2), 1.6666667e-1), 0.5), z);
  }
  return exp(max(z, -80.0)) - 1.0;
}

// Each activation, and its slope at a saved value: the activation itself for sigmoid, tanh, relu, leakyRelu and elu, else the
// pre-activation.

fn identity(z: f32) -> f32 { return z; }
fn identitySlope(z: f32) -> f32 { return 1.0; }

fn sigmoidSlope(a: f32) -> f32 { return a * (1.0 - a); }

fn hyperbolicTangentSlope(a: f32) -> f32 { return (1.0 - a) * (1.0 + a); }

fn relu(z: f32) -> f32 { return max(z, 0.0); }
fn reluSlope(a: f32) -> f32 { return select(0.0, 1.0, a > 0.0); }

fn leakyRelu(z: f32) -> f32 { return select(LEAKY_SLOPE * z, z, z >= 0.0); }
fn leakyReluSlope(a: f32) -> f32 { return select(LEAKY_SLOPE, 1.0, a > 0.0); }

fn elu(z: f32) -> f32 { if (z > 0.0) { return z; } return exponentialMinusOne(z); }
fn eluSlope(a: f32) -> f32 { return select(a + 1.0, 1.0, a > 0.0); }

fn gelu(z: f32) -> f32 { return z * normalDistribution(z); }
fn geluSlope(z: f32) -> f32 {
  return fma(z, 0.39894228040 * exp(-0.5 * min(z * z, 160.0)), normalDistribution(z));
}

fn silu(z: f32) -> f32 { return z * sigmoid(z); }
fn siluSlope(z: f32) -> f32 { let g = sigmoid(z); return g * fma(z, sigmoid(-z), 1.0); }

fn softplus(z: f32) -> f32 { return max(z, 0.0) + logOnePlusExpNegative(z); }
fn softplusSlope(z: f32) -> f32 { return sigmoid(z); }

fn sineSlope(z: f32) -> f32 { return cosine(z); }

// The activation that ACTIVATION names.
fn activate(z: f32) -> f32 {
  switch (ACTIVATION) {
    case 1u: { return sigmoid(z); }
    case 2u: { return hyperbolicTangent(z); }
    case 3u: { return relu(z); }
    case 4u: { return leakyRelu(z); }
    case 5u: { return elu(z); }
    case 6u: { return gelu(z); }
    case 7u: { return silu(z); }
    case 8u: { return softplus(z); }
    case 9u: { return sine(z); }
    default: { return identity(z); }
  }
}

// Its slope at a saved value.
fn activateDerivative(saved: f32) -> f32 {
  switch (ACTIVATION) {
    case 1u: { return sigmoidSlope(saved); }
    case 2u: { return hyperbolicTangentSlope(saved); }
    case 3u: { return reluSlope(saved); }
    case 4u: { return leakyReluSlope(saved); }
    case 5u: { return eluSlope(saved); }
    case 6u: { return geluSlope(saved); }
    case 7u: { return siluSlope(saved); }
    case 8u: { return softplusSlope(saved); }
    case 9u: { return sineSlope(saved); }
    default: { return identitySlope(saved); }
  }
}
