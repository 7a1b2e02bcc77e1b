// One network for a workgroup: 2-2-2-1 sigmoid sigmoid sigmoid, squaredError.
// Written by src/gpu/emitLayers.ts; sampleTile.wgsl tells what the names mean.

const INPUTS = 2u;
const OUTPUTS = 1u;
const PARAMETERS = 15u;
const LAYERS = 3u;
const THREADS = 64u; // of a workgroup
const TILE = 16u; // samples
const QUADS = 4u; // vec4f that hold them
const SPAN = 2u; // of which a thread computes so many
const SPANS = 2u; // so many times
const TURN = 3u; // mask by which rows are turned
const ROWS = 16u; // rows of a tile
const COPY = 9u; // vec4f of a copy of the parameters
const BLOCKS = 3u; // of 4 × 4 weights
const BIAS_QUADS = 3u; // of 4 biases
const OWNERS = 3u; // threads that own any of them
const LOSS_PARTS = 4u; // threads that sum losses

const layer1 = Dense(2u, 2u, 0u, 0u, 0u, 4u, 4u, 0u, 0u);
const layer2 = Dense(2u, 2u, 6u, 3u, 4u, 8u, 8u, 1u, 1u);
const layer3 = Dense(2u, 1u, 12u, 6u, 8u, 12u, 12u, 2u, 2u);

fn layerAt(index: u32) -> Dense {
  if (index < 1u) {
    return layer1;
  }
  if (index < 2u) {
    return layer2;
  }
  return layer3;
}

// The layer that a block of weights or of biases belongs to.
fn layerOfBlock(item: u32) -> Dense {
  if (item < 1u) {
    return layer1;
  }
  if (item < 2u) {
    return layer2;
  }
  return layer3;
}

fn layerOfQuad(item: u32) -> Dense {
  if (item < 1u) {
    return layer1;
  }
  if (item < 2u) {
    return layer2;
  }
  return layer3;
}

// Gradients of the blocks that this thread owns.
var<private> dw0: mat4x4f;
var<private> db0: vec4f;

fn clearGradients() {
  dw0 = mat4x4f();
  db0 = vec4f();
  lossSum = 0.0;
}

fn handOutGradients(thread: u32) {
  handOutBlock(thread + 0u, dw0);
  handOutQuad(thread + 0u, db0);
}

// layer 1, sigmoid: [2] → [2]
fn forward1(thread: u32) {
  for (var item = thread; item < 1u * SPANS; item += THREADS) {
    let quad = item % SPANS;
    var sums = forwardSums(layer1, item / SPANS, quad);
    for (var part = 0u; part < 4u * SPAN; part++) {
      let row = layer1.outputs + item / SPANS * 4u + part % 4u;
      let samples = quad + part / 4u * SPANS;
      let z = sums[part];
      values[placeOf(row, samples)] = vec4f(sigmoid(z.x), sigmoid(z.y), sigmoid(z.z), sigmoid(z.w));
    }
  }
  workgroupBarrier();
}

// layer 2, sigmoid: [2] → [2]
fn forward2(thread: u32) {
  for (var item = thread; item < 1u * SPANS; item += THREADS) {
    let quad = item % SPANS;
    var sums = forwardSums(layer2, item / SPANS, quad);
    for (var part = 0u; part < 4u * SPAN; part++) {
      let row = layer2.outputs + item / SPANS * 4u + part % 4u;
      let samples = quad + part / 4u * SPANS;
      let z = sums[part];
      values[placeOf(row, samples)] = vec4f(sigmoid(z.x), sigmoid(z.y), sigmoid(z.z), sigmoid(z.w));
    }
  }
  workgroupBarrier();
}

// layer 3, sigmoid: [2] → [1]
fn forward3(thread: u32) {
  for (var item = thread; item < 1u * SPANS; item += THREADS) {
    let quad = item % SPANS;
    var sums = forwardSums(layer3, item / SPANS, quad);
    for (var part = 0u; part < 4u * SPAN; part++) {
      let row = layer3.outputs + item / SPANS * 4u + part % 4u;
      let samples = quad + part / 4u * SPANS;
      let z = sums[part];
      values[placeOf(row, samples)] = vec4f(sigmoid(z.x), sigmoid(z.y), sigmoid(z.z), sigmoid(z.w));
    }
  }
  workgroupBarrier();
}

fn lastSlope(saved: vec4f) -> vec4f {
  return vec4f(sigmoidSlope(saved.x), sigmoidSlope(saved.y), sigmoidSlope(saved.z), sigmoidSlope(saved.w));
}

fn backward2(thread: u32) {
  for (var item = thread; item < 1u * SPANS; item += THREADS) {
    let quad = item % SPANS;
    var sums = backwardSums(layer2, item / SPANS, quad);
    for (var part = 0u; part < 4u * SPAN; part++) {
      let row = layer1.saved + item / SPANS * 4u + part % 4u;
      let samples = quad + part / 4u * SPANS;
      let saved = values[placeOf(row, samples)];
      values[placeOf(row, samples)] = sums[part] * vec4f(sigmoidSlope(saved.x), sigmoidSlope(saved.y), sigmoidSlope(saved.z), sigmoidSlope(saved.w));
    }
  }
  workgroupBarrier();
}

fn backward3(thread: u32) {
  for (var item = thread; item < 1u * SPANS; item += THREADS) {
    let quad = item % SPANS;
    var sums = backwardSums(layer3, item / SPANS, quad);
    for (var part = 0u; part < 4u * SPAN; part++) {
      let row = layer2.saved + item / SPANS * 4u + part % 4u;
      let samples = quad + part / 4u * SPANS;
      let saved = values[placeOf(row, samples)];
      values[placeOf(row, samples)] = sums[part] * vec4f(sigmoidSlope(saved.x), sigmoidSlope(saved.y), sigmoidSlope(saved.z), sigmoidSlope(saved.w));
    }
  }
  workgroupBarrier();
}

fn addGradients1(thread: u32) {
  if (ownsBlock(layer1, thread + 0u)) {
    dw0 += weightGradients(layer1, thread + 0u);
  }
  if (ownsQuad(layer1, thread + 0u)) {
    db0 += biasGradients(layer1, thread + 0u);
  }
}

fn addGradients2(thread: u32) {
  if (ownsBlock(layer2, thread + 0u)) {
    dw0 += weightGradients(layer2, thread + 0u);
  }
  if (ownsQuad(layer2, thread + 0u)) {
    db0 += biasGradients(layer2, thread + 0u);
  }
}

fn addGradients3(thread: u32) {
  if (ownsBlock(layer3, thread + 0u)) {
    dw0 += weightGradients(layer3, thread + 0u);
  }
  if (ownsQuad(layer3, thread + 0u)) {
    db0 += biasGradients(layer3, thread + 0u);
  }
}

// Forward, loss and backward of up to TILE samples, from `first` of the chunk; adds to gradients and loss.
fn addTile(thread: u32, first: u32, count: u32, key: vec2u, orderSeed: vec2u) {
  readTile(thread, first, count, key, orderSeed);
  forward1(thread);
  forward2(thread);
  forward3(thread);
  lossOfTile(layer3, thread, count);
  addGradients3(thread);
  workgroupBarrier();
  backward3(thread);
  addGradients2(thread);
  workgroupBarrier();
  backward2(thread);
  addGradients1(thread);
}
