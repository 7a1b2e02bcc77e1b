// One network as straight-line code: 2-2-2-1 sigmoid sigmoid sigmoid, squaredError. Written by src/backend/webgpu/emit/emitNetwork.ts; the kernel that this is joined
// in front of declares `step`, `inputs`, `targets` and `parameters`.
// w1_2_3 is the weight of layer 1 from its input 2 to its unit 3 and dw1_2_3 its gradient, b a bias, z a weighted sum, a its
// activation, d1_3 the gradient by z1_3. Values have names of their own: arrays and structs would be kept in memory by some.

const PARAMETERS = 15u;
const SAMPLES = 1u; // that addSamples takes at once

fn sigmoidBackward(d: f32, a: f32) -> f32 { return d * (a * (1.0 - a)); }

fn elementLoss(y: f32, t: f32) -> vec2f {
  let v0 = y - t;
  return vec2f((v0 * v0) * 0.5, v0);
}

// layer 1: weights [2, 2], bias [2], and their gradients
var<private> w1_1_1: f32;
var<private> dw1_1_1: f32;
var<private> w1_1_2: f32;
var<private> dw1_1_2: f32;
var<private> w1_2_1: f32;
var<private> dw1_2_1: f32;
var<private> w1_2_2: f32;
var<private> dw1_2_2: f32;
var<private> b1_1: f32;
var<private> db1_1: f32;
var<private> b1_2: f32;
var<private> db1_2: f32;
// layer 2: weights [2, 2], bias [2], and their gradients
var<private> w2_1_1: f32;
var<private> dw2_1_1: f32;
var<private> w2_1_2: f32;
var<private> dw2_1_2: f32;
var<private> w2_2_1: f32;
var<private> dw2_2_1: f32;
var<private> w2_2_2: f32;
var<private> dw2_2_2: f32;
var<private> b2_1: f32;
var<private> db2_1: f32;
var<private> b2_2: f32;
var<private> db2_2: f32;
// layer 3: weights [2, 1], bias [1], and their gradients
var<private> w3_1_1: f32;
var<private> dw3_1_1: f32;
var<private> w3_2_1: f32;
var<private> dw3_2_1: f32;
var<private> b3_1: f32;
var<private> db3_1: f32;
// Losses of samples, scaled like their gradients.
var<private> lossSum: f32;

fn readNetwork(first: u32) {
  w1_1_1 = parameters[first + 0u];
  w1_1_2 = parameters[first + 1u];
  w1_2_1 = parameters[first + 2u];
  w1_2_2 = parameters[first + 3u];
  b1_1 = parameters[first + 4u];
  b1_2 = parameters[first + 5u];
  w2_1_1 = parameters[first + 6u];
  w2_1_2 = parameters[first + 7u];
  w2_2_1 = parameters[first + 8u];
  w2_2_2 = parameters[first + 9u];
  b2_1 = parameters[first + 10u];
  b2_2 = parameters[first + 11u];
  w3_1_1 = parameters[first + 12u];
  w3_2_1 = parameters[first + 13u];
  b3_1 = parameters[first + 14u];
}

fn clearGradients() {
  dw1_1_1 = 0.0;
  dw1_1_2 = 0.0;
  dw1_2_1 = 0.0;
  dw1_2_2 = 0.0;
  db1_1 = 0.0;
  db1_2 = 0.0;
  dw2_1_1 = 0.0;
  dw2_1_2 = 0.0;
  dw2_2_1 = 0.0;
  dw2_2_2 = 0.0;
  db2_1 = 0.0;
  db2_2 = 0.0;
  dw3_1_1 = 0.0;
  dw3_2_1 = 0.0;
  db3_1 = 0.0;
}

// Forward, loss and backward of the samples at row, row + stride, … of the chunk that lie before `end`; adds to gradients and
// loss, both scaled to the mean of the batch.
fn addSamples(row: u32, stride: u32, end: u32, key: vec2u, orderSeed: vec2u) {
  let source = rowOf(step.firstPosition + row, step.rowCount, key, orderSeed);
  let scale = step.lossScale;
  let firstInput = source * 2u;
  let firstTarget = source * 1u;
  let x_1 = inputs[firstInput + 0u];
  let x_2 = inputs[firstInput + 1u];
  // layer 1, sigmoid: [2] → [2]
  let z1_1 = fma(w1_2_1, x_2, w1_1_1 * x_1) + b1_1;
  let z1_2 = fma(w1_2_2, x_2, w1_1_2 * x_1) + b1_2;
  let a1_1 = sigmoid(z1_1);
  let a1_2 = sigmoid(z1_2);
  // layer 2, sigmoid: [2] → [2]
  let z2_1 = fma(w2_2_1, a1_2, w2_1_1 * a1_1) + b2_1;
  let z2_2 = fma(w2_2_2, a1_2, w2_1_2 * a1_1) + b2_2;
  let a2_1 = sigmoid(z2_1);
  let a2_2 = sigmoid(z2_2);
  // layer 3, sigmoid: [2] → [1]
  let z3_1 = fma(w3_2_1, a2_2, w3_1_1 * a2_1) + b3_1;
  let a3_1 = sigmoid(z3_1);
  // squaredError; d is the gradient by pre-activations
  let e_1 = elementLoss(a3_1, targets[firstTarget + 0u]);
  lossSum += scale * (e_1.x);
  let d3_1 = sigmoidBackward(scale * e_1.y, a3_1);
  // backward, layer 3
  dw3_1_1 = fma(a2_1, d3_1, dw3_1_1);
  dw3_2_1 = fma(a2_2, d3_1, dw3_2_1);
  db3_1 = db3_1 + d3_1;
  let d2_1 = sigmoidBackward(w3_1_1 * d3_1, a2_1);
  let d2_2 = sigmoidBackward(w3_2_1 * d3_1, a2_2);
  // backward, layer 2
  dw2_1_1 = fma(a1_1, d2_1, dw2_1_1);
  dw2_1_2 = fma(a1_1, d2_2, dw2_1_2);
  dw2_2_1 = fma(a1_2, d2_1, dw2_2_1);
  dw2_2_2 = fma(a1_2, d2_2, dw2_2_2);
  db2_1 = db2_1 + d2_1;
  db2_2 = db2_2 + d2_2;
  let d1_1 = sigmoidBackward(fma(w2_1_2, d2_2, w2_1_1 * d2_1), a1_1);
  let d1_2 = sigmoidBackward(fma(w2_2_2, d2_2, w2_2_1 * d2_1), a1_2);
  // backward, layer 1
  dw1_1_1 = fma(x_1, d1_1, dw1_1_1);
  dw1_1_2 = fma(x_1, d1_2, dw1_1_2);
  dw1_2_1 = fma(x_2, d1_1, dw1_2_1);
  dw1_2_2 = fma(x_2, d1_2, dw1_2_2);
  db1_1 = db1_1 + d1_1;
  db1_2 = db1_2 + d1_2;
}
