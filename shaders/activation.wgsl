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

// sin(x) by reduction to [−π/2, π/2] in three parts of π (Cody and Waite) and an odd polynomial:
// the builtin may be off by 2⁻¹¹, and is undefined outside [−π, π].
fn sineReduced(x: f32, halfTurns: f32) -> f32 {
  var r = fma(halfTurns, -3.140625, x);
  r = fma(halfTurns, -9.67502593994140625e-4, r);
  r = fma(halfTurns, -1.509957990978376432e-7, r);
  let s = r * r;
  var p = fma(2.6083159809786593541503e-06, s, -1.981069071916863322258e-04);
  p = fma(p, s, 8.33307858556509017944336e-03);
  p = fma(p, s, -1.666665971279144287109375e-01);
  return fma(p * s, r, r);
}

fn parity(value: f32, halfTurns: f32) -> f32 {
  return select(value, -value, (i32(halfTurns) & 1) != 0);
}

fn sine(x: f32) -> f32 {
  let halfTurns = round(x * 0.31830988618);
  return parity(sineReduced(x, halfTurns), halfTurns);
}

// cos(x) = sin(x + π/2), reduced by an odd number of quarter turns.
fn cosine(x: f32) -> f32 {
  let halfTurns = floor(x * 0.31830988618);
  return parity(-sineReduced(x, halfTurns + 0.5), halfTurns);
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
