// Activation functions and their derivatives, in forms that stay finite for every finite input.
// Twin: src/cpu/activation.ts.

#import scalar

override ACTIVATION: u32 = 1u;  // place in activationNames of src/network.ts; the default is sigmoid

const LEAKY_SLOPE = 0.01;

// Each activation, and its slope at a saved value: the activation itself for sigmoid, tanh, relu, leakyRelu and elu, else the
// pre-activation.

fn identity(z: f32) -> f32 { return z; }
fn identitySlope(z: f32) -> f32 { return 1.0; }

fn sigmoidSlope(a: f32) -> f32 { return a * (1.0 - a); }

fn hyperbolicTangentSlope(a: f32) -> f32 { return (1.0 - a) * (1.0 + a); }

fn relu(z: f32) -> f32 { return max(z, 0.0); }
fn reluSlope(a: f32) -> f32 { return select(0.0, 1.0, a > 0.0); }

fn reluProduct(gradient: f32, a: f32) -> f32 { return select(0.0, gradient, a > 0.0); }

fn leakyRelu(z: f32) -> f32 { return select(LEAKY_SLOPE * z, z, z >= 0.0); }
fn leakyReluSlope(a: f32) -> f32 { return select(LEAKY_SLOPE, 1.0, a > 0.0); }

fn elu(z: f32) -> f32 { if (z > 0.0) { return z; } return exponentialMinusOne(z); }
fn eluSlope(a: f32) -> f32 { return select(a + 1.0, 1.0, a > 0.0); }

fn gelu(z: f32) -> f32 { return z * normalDistribution(z); }
fn geluSlope(z: f32) -> f32 { return fma(z, normalDensity(z), normalDistribution(z)); }

fn silu(z: f32) -> f32 { return z * sigmoid(z); }
fn siluSlope(z: f32) -> f32 { let g = sigmoid(z); return g * fma(z, sigmoid(-z), 1.0); }

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

// Gradient by the pre-activation from that by the activation. Where relu is 0 nothing passes, not even infinity.
fn slopeProduct(gradient: f32, saved: f32) -> f32 {
  if (ACTIVATION == 3u) {
    return reluProduct(gradient, saved);
  }
  return gradient * activateDerivative(saved);
}
