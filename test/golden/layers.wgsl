// One network for a workgroup: 2-2-2-1 sigmoid sigmoid sigmoid, squaredError.
// Written by src/backend/webgpu/emit/emitLayers.ts; sampleTile.wgsl tells what the names mean.

const INPUTS = 2u;
const OUTPUTS = 1u;
const PARAMETERS = 15u;
const LAYERS = 3u;
const THREADS = 64u; // of a workgroup
const TILE = 16u; // samples
const QUADS = 4u; // vec4f that hold them
const SPAN = 2u; // of these for a thread at a time
const SPANS = 2u; // times
const TURN = 3u; // mask by which rows are turned
const ROWS = 16u; // of a tile
const COPY = 9u; // vec4f of a copy of the parameters
const OWNERS = 3u; // threads that own gradients
const LOSS_PARTS = 4u; // threads that sum losses
const SAVES = false; // pre-activations beside activations

fn layerAt(index: u32) -> Dense {
  if (index == 0u) {
    return Dense(2u, 2u, 1u, 0u, 0u, 0u, 0u, 4u, 4u, 0u, 0u);
  }
  if (index == 1u) {
    return Dense(2u, 2u, 1u, 0u, 6u, 3u, 4u, 8u, 8u, 1u, 1u);
  }
  return Dense(2u, 1u, 1u, 0u, 12u, 6u, 8u, 12u, 12u, 2u, 2u);
}

fn sigmoid4(z: vec4f) -> vec4f { return vec4f(sigmoid(z.x), sigmoid(z.y), sigmoid(z.z), sigmoid(z.w)); }
fn sigmoidBackward4(d: vec4f, a: vec4f) -> vec4f { return d * (a * (vec4f(1.0) - a)); }

// Activations by their numbers, and gradients times their slopes at what was saved.
fn prepare4(activation: u32, z: vec4f) -> vec4f {
  return z;
}

fn activate4(activation: u32, z: vec4f) -> vec4f {
  return sigmoid4(z);
}

fn slopeProduct4(activation: u32, d: vec4f, saved: vec4f) -> vec4f {
  return sigmoidBackward4(d, saved);
}

fn elementLoss(y: f32, t: f32) -> vec2f {
  let v0 = y - t;
  return vec2f((v0 * v0) * 0.5, v0);
}

// Gradients of the blocks that this thread owns.
var<private> dw0: mat4x4f;
var<private> db0: vec4f;

fn clearSums() {
  dw0 = mat4x4f();
  db0 = vec4f();
  lossSum = 0.0;
}

fn addGradients(layer: Dense, thread: u32) {
  if (ownsBlock(layer, thread + 0u)) {
    dw0 += weightGradients(layer, thread + 0u);
  }
  if (ownsQuad(layer, thread + 0u)) {
    db0 += biasGradients(layer, thread + 0u);
  }
}

fn handOutGradients(layer: Dense, thread: u32) {
  if (ownsBlock(layer, thread + 0u)) {
    handOutBlock(layer, thread + 0u, dw0);
  }
  if (ownsQuad(layer, thread + 0u)) {
    handOutQuad(layer, thread + 0u, db0);
  }
}
