// One network forward, and its loss: 2-2-2-1 sigmoid sigmoid sigmoid, squaredError. Written by src/backend/webgpu/emit/emitNetwork.ts; names are those of network.wgsl.

const PARAMETERS = 15u;

fn elementLoss(y: f32, t: f32) -> vec2f {
  let v0 = y - t;
  return vec2f((v0 * v0) * 0.5, v0);
}

// layer 1: weights [2, 2], bias [2]
var<private> w1_1_1: f32;
var<private> w1_1_2: f32;
var<private> w1_2_1: f32;
var<private> w1_2_2: f32;
var<private> b1_1: f32;
var<private> b1_2: f32;
// layer 2: weights [2, 2], bias [2]
var<private> w2_1_1: f32;
var<private> w2_1_2: f32;
var<private> w2_2_1: f32;
var<private> w2_2_2: f32;
var<private> b2_1: f32;
var<private> b2_2: f32;
// layer 3: weights [2, 1], bias [1]
var<private> w3_1_1: f32;
var<private> w3_2_1: f32;
var<private> b3_1: f32;
// Losses of samples, not scaled, and right answers.
var<private> lossSum: f32;
var<private> hitSum: u32;

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

// Adds loss and right answers of the sample in row `source`.
fn scoreSample(source: u32) {
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
  // squaredError
  let e_1 = elementLoss(a3_1, targets[firstTarget + 0u]);
  lossSum += e_1.x;
}
