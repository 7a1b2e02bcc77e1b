// Training steps of one network by the threads of a workgroup, a tile of samples at a time: inputs, activations and gradients
// of the tile lie in workgroup memory, and every thread keeps the sums of some gradients of parameters.
// What is one network's is written by src/backend/webgpu/emit/emitLayers.ts: sizes, the layers and their activations, the sums.
// tileValues.wgsl or tileHalves.wgsl say how values are stored, tileLossElementwise.wgsl or tileLossSoftmax.wgsl what the loss is.
// Gradients of parameters are in tileGradients.wgsl; tileLayers.wgsl or tileLayersDropped.wgsl take the tile through the layers.
// CPU reference: src/backend/cpu/forward.ts, loss.ts and backwardInputs.ts.

#import step
#import shuffle
#expects var step: Step
#expects var inputs: array<f32, 1>
#expects var targets: array<f32, 1>
#expects const INPUTS: u32
#expects const OUTPUTS: u32
#expects const ROWS: u32
#expects const TILE: u32
#expects const QUADS: u32
#expects const THREADS: u32
#expects const TURN: u32
#expects const SPAN: u32
#expects const SPANS: u32
#expects const LOSS_PARTS: u32
#expects fn slopeProduct4(activation: u32, d: vec4f, saved: vec4f) -> vec4f
#expects fn weightsAt(layer: Dense, row: u32, column: u32) -> vec4f
#expects alias Stored
#expects fn load(place: u32) -> vec4f
#expects fn store(place: u32, value: vec4f)

// One layer. Rows are of `values`; a row holds one unit for every sample of the tile.
struct Dense {
  fanIn: u32,
  fanOut: u32,
  columns: u32,        // blocks of four units
  activation: u32,     // place among the activations of the network
  weightsOffset: u32,  // of weights [fanIn, fanOut] among the member's parameters; the bias is one more row of them
  copyOffset: u32,     // of the same in vec4f, where the kernel keeps a copy
  inputs: u32,         // first row of the inputs
  outputs: u32,        // … of the activations
  saved: u32,          // … of what the slope is computed from; the gradient by the pre-activations takes its place
  firstBlock: u32,     // of the layer's blocks of 4 × 4 weights among those of all layers
  firstQuad: u32,      // of its blocks of 4 biases
}

// Four samples to a vec4f. The rows of inputs, and of each layer, are filled up to a multiple of 4: units past the edge have
// weights of 0, hold finite values, and their gradients are handed to nobody.
var<workgroup> values: array<Stored, ROWS * QUADS>;
// Row of the data set of each sample.
var<workgroup> dataRows: array<u32, TILE>;
var<workgroup> lossParts: array<f32, LOSS_PARTS>;
// Losses that this thread has summed.
var<private> lossSum: f32;

// Where four samples of a row lie. Groups of four rows are turned against each other, so that threads that read different
// groups do not all read the same banks of memory.
fn placeOf(row: u32, quad: u32) -> u32 {
  return row * QUADS + (quad ^ ((row >> 2u) & TURN));
}

// Draws the samples of a tile. Those past the end repeat the last one; their loss and gradients are taken for 0.
fn readTile(thread: u32, first: u32, count: u32, key: vec2u, orderSeed: vec2u) {
  for (var sample = thread; sample < TILE; sample += THREADS) {
    let position = step.firstPosition + first + min(sample, count - 1u);
    dataRows[sample] = rowOf(position, step.rowCount, key, orderSeed);
  }
  workgroupBarrier();
  for (var item = thread; item < INPUTS * QUADS; item += THREADS) {
    let column = item % INPUTS;
    let quad = item / INPUTS;
    store(placeOf(column, quad), vec4f(
      inputs[dataRows[4u * quad] * INPUTS + column],
      inputs[dataRows[4u * quad + 1u] * INPUTS + column],
      inputs[dataRows[4u * quad + 2u] * INPUTS + column],
      inputs[dataRows[4u * quad + 3u] * INPUTS + column],
    ));
  }
  workgroupBarrier();
}

// What one thread sums of a product: four rows of four samples each, and of SPAN · 4 where that is 2.
alias Sums = array<vec4f, 8>;

// Pre-activations of four units. The sums have names: arrays of them would be kept in memory by some compilers.
fn forwardSums(layer: Dense, column: u32, quad: u32) -> Sums {
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  var s4 = vec4f();
  var s5 = vec4f();
  var s6 = vec4f();
  var s7 = vec4f();
  for (var k = 0u; k < layer.fanIn; k++) {
    let weight = weightsAt(layer, k, column);
    let a = load(placeOf(layer.inputs + k, quad));
    s0 = fma(a, vec4f(weight.x), s0);
    s1 = fma(a, vec4f(weight.y), s1);
    s2 = fma(a, vec4f(weight.z), s2);
    s3 = fma(a, vec4f(weight.w), s3);
    if (SPAN == 2u) {
      let b = load(placeOf(layer.inputs + k, quad + SPANS));
      s4 = fma(b, vec4f(weight.x), s4);
      s5 = fma(b, vec4f(weight.y), s5);
      s6 = fma(b, vec4f(weight.z), s6);
      s7 = fma(b, vec4f(weight.w), s7);
    }
  }
  let bias = weightsAt(layer, layer.fanIn, column);
  return Sums(
    s0 + vec4f(bias.x), s1 + vec4f(bias.y), s2 + vec4f(bias.z), s3 + vec4f(bias.w),
    s4 + vec4f(bias.x), s5 + vec4f(bias.y), s6 + vec4f(bias.z), s7 + vec4f(bias.w),
  );
}

// Four values of a row of weights times the gradients of their units.
fn addProducts(sum: vec4f, weight: vec4f, d0: vec4f, d1: vec4f, d2: vec4f, d3: vec4f) -> vec4f {
  let three = fma(d2, vec4f(weight.z), fma(d1, vec4f(weight.y), fma(d0, vec4f(weight.x), sum)));
  return fma(d3, vec4f(weight.w), three);
}

// Gradients by four inputs.
fn backwardSums(layer: Dense, block: u32, quad: u32) -> Sums {
  let last = layer.fanIn - 1u;
  let k0 = 4u * block;
  let k1 = min(k0 + 1u, last);
  let k2 = min(k0 + 2u, last);
  let k3 = min(k0 + 3u, last);
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  var s4 = vec4f();
  var s5 = vec4f();
  var s6 = vec4f();
  var s7 = vec4f();
  for (var column = 0u; column < layer.columns; column++) {
    let w0 = weightsAt(layer, k0, column);
    let w1 = weightsAt(layer, k1, column);
    let w2 = weightsAt(layer, k2, column);
    let w3 = weightsAt(layer, k3, column);
    let a = placeOf(layer.saved + 4u * column, quad);
    let a0 = load(a);
    let a1 = load(a + QUADS);
    let a2 = load(a + 2u * QUADS);
    let a3 = load(a + 3u * QUADS);
    s0 = addProducts(s0, w0, a0, a1, a2, a3);
    s1 = addProducts(s1, w1, a0, a1, a2, a3);
    s2 = addProducts(s2, w2, a0, a1, a2, a3);
    s3 = addProducts(s3, w3, a0, a1, a2, a3);
    if (SPAN == 2u) {
      let b = placeOf(layer.saved + 4u * column, quad + SPANS);
      let b0 = load(b);
      let b1 = load(b + QUADS);
      let b2 = load(b + 2u * QUADS);
      let b3 = load(b + 3u * QUADS);
      s4 = addProducts(s4, w0, b0, b1, b2, b3);
      s5 = addProducts(s5, w1, b0, b1, b2, b3);
      s6 = addProducts(s6, w2, b0, b1, b2, b3);
      s7 = addProducts(s7, w3, b0, b1, b2, b3);
    }
  }
  return Sums(s0, s1, s2, s3, s4, s5, s6, s7);
}

// Loss of the tile, and its gradient by the last layer's pre-activations.

fn targetsOf(quad: u32, column: u32) -> vec4f {
  return vec4f(
    targets[dataRows[4u * quad] * OUTPUTS + column],
    targets[dataRows[4u * quad + 1u] * OUTPUTS + column],
    targets[dataRows[4u * quad + 2u] * OUTPUTS + column],
    targets[dataRows[4u * quad + 3u] * OUTPUTS + column],
  );
}

fn isSample(quad: u32, count: u32) -> vec4<bool> {
  return vec4u(4u * quad) + vec4u(0u, 1u, 2u, 3u) < vec4u(count);
}

fn addLosses(losses: vec4f, quad: u32, count: u32) {
  let own = select(vec4f(), losses, isSample(quad, count));
  lossSum += own.x + own.y + own.z + own.w;
}

// The loss of all samples since the sums were cleared, scaled to the mean of the batch: valid after a barrier following shareLoss.
fn shareLoss(thread: u32) {
  if (thread < LOSS_PARTS) {
    lossParts[thread] = lossSum;
  }
}

fn lossOfBatch() -> f32 {
  var total = 0.0;
  for (var part = 0u; part < LOSS_PARTS; part++) {
    total += lossParts[part];
  }
  return step.lossScale * total;
}
