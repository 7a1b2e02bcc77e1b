// out = f(a), one invocation per four values. Activations and their slopes are those of activation.wgsl. Twin: src/cpu/unary.ts.

override OPERATION: u32 = 0u;  // place in unaryNames of src/cpu/unary.ts

struct Unary {
  first: u32,      // four values of out that invocation 0 computes
  end: u32,
  aOffset: u32,
  outOffset: u32,
  count: u32,
  exponent: f32,   // of power
}

@group(0) @binding(0) var<uniform> sizes: Unary;
@group(0) @binding(1) var<storage, read> a: array<ElementA>;
@group(0) @binding(2) var<storage, read_write> out: array<ElementOut>;

// By the logarithm of |x|, which has no sign and is not what it should be at 0. A root of a negative number is NaN, as far as a
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

// Some devices have a finite exponential of NaN, which is told by its bits: a compiler may assume that there is none.
fn exponential(x: f32) -> f32 {
  let isNaN = (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
  return select(exp(x), x, isNaN);
}

fn compute(x: f32) -> f32 {
  switch (OPERATION) {
    case 1u: { return sigmoid(x); }
    case 2u: { return hyperbolicTangent(x); }
    case 3u: { return relu(x); }
    case 4u: { return leakyRelu(x); }
    case 5u: { return elu(x); }
    case 6u: { return gelu(x); }
    case 7u: { return silu(x); }
    case 8u: { return softplus(x); }
    case 9u: { return sine(x); }
    case 10u: { return identitySlope(x); }
    case 11u: { return sigmoidSlope(x); }
    case 12u: { return hyperbolicTangentSlope(x); }
    case 13u: { return reluSlope(x); }
    case 14u: { return leakyReluSlope(x); }
    case 15u: { return eluSlope(x); }
    case 16u: { return geluSlope(x); }
    case 17u: { return siluSlope(x); }
    case 18u: { return softplusSlope(x); }
    case 19u: { return sineSlope(x); }
    case 20u: { return -x; }
    case 21u: { return exponential(x); }
    case 22u: { return naturalLogarithm(x); }
    case 23u: { return sqrt(x); }
    case 24u: { return x * x; }
    case 25u: { return power(x, sizes.exponent); }
    case 26u: { return abs(x); }
    case 27u: { return sign(x); }
    default: { return x; }
  }
}

@compute @workgroup_size(64)
fn unary(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = sizes.first + linearIndex(id, groups, 64u);
  if (index >= sizes.end) {
    return;
  }
  let last = min(4u * index + 4u, sizes.count);
  for (var at = 4u * index; at < last; at++) {
    out[sizes.outOffset + at] = ElementOut(compute(f32(a[sizes.aOffset + at])));
  }
}
