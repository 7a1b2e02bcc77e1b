// What a tile of samples adds to the gradients of parameters.
// Block `item` of all layers is thread `item % THREADS`'s, so that every sum has one owner, which takes the samples in order.
// CPU reference: src/backend/cpu/backwardWeights.ts.

#import sampleTile
#expects const LAYERS: u32
#expects fn layerAt(index: u32) -> Dense
#expects fn lateScale() -> f32
#expects fn takeGradients(layer: Dense, row: u32, column: u32, gradient: vec4f)
#expects fn handOutGradients(layer: Dense, thread: u32)

fn blocksOf(layer: Dense) -> u32 {
  return (layer.fanIn + 3u) / 4u * layer.columns;
}

fn ownsBlock(layer: Dense, item: u32) -> bool {
  return item - layer.firstBlock < blocksOf(layer);
}

fn ownsQuad(layer: Dense, item: u32) -> bool {
  return item - layer.firstQuad < layer.columns;
}

// What the tile adds to 4 × 4 weights, a row of them to a column of the matrix.
fn weightGradients(layer: Dense, item: u32) -> mat4x4f {
  let block = item - layer.firstBlock;
  let firstInput = layer.inputs + block / layer.columns * 4u;
  let to = layer.saved + block % layer.columns * 4u;
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  for (var quad = 0u; quad < QUADS; quad++) {
    let x = placeOf(firstInput, quad);
    let x0 = load(x);
    let x1 = load(x + QUADS);
    let x2 = load(x + 2u * QUADS);
    let x3 = load(x + 3u * QUADS);
    let d = placeOf(to, quad);
    let d0 = load(d);
    let d1 = load(d + QUADS);
    let d2 = load(d + 2u * QUADS);
    let d3 = load(d + 3u * QUADS);
    let first = vec4f(d0.x, d1.x, d2.x, d3.x);
    s0 = fma(vec4f(x0.x), first, s0);
    s1 = fma(vec4f(x1.x), first, s1);
    s2 = fma(vec4f(x2.x), first, s2);
    s3 = fma(vec4f(x3.x), first, s3);
    let second = vec4f(d0.y, d1.y, d2.y, d3.y);
    s0 = fma(vec4f(x0.y), second, s0);
    s1 = fma(vec4f(x1.y), second, s1);
    s2 = fma(vec4f(x2.y), second, s2);
    s3 = fma(vec4f(x3.y), second, s3);
    let third = vec4f(d0.z, d1.z, d2.z, d3.z);
    s0 = fma(vec4f(x0.z), third, s0);
    s1 = fma(vec4f(x1.z), third, s1);
    s2 = fma(vec4f(x2.z), third, s2);
    s3 = fma(vec4f(x3.z), third, s3);
    let fourth = vec4f(d0.w, d1.w, d2.w, d3.w);
    s0 = fma(vec4f(x0.w), fourth, s0);
    s1 = fma(vec4f(x1.w), fourth, s1);
    s2 = fma(vec4f(x2.w), fourth, s2);
    s3 = fma(vec4f(x3.w), fourth, s3);
  }
  return mat4x4f(s0, s1, s2, s3);
}

// What the tile adds to four biases.
fn biasGradients(layer: Dense, item: u32) -> vec4f {
  let to = layer.saved + (item - layer.firstQuad) * 4u;
  var sum = vec4f();
  for (var quad = 0u; quad < QUADS; quad++) {
    let at = placeOf(to, quad);
    let d0 = load(at);
    let d1 = load(at + QUADS);
    let d2 = load(at + 2u * QUADS);
    let d3 = load(at + 3u * QUADS);
    sum += vec4f(d0.x, d1.x, d2.x, d3.x);
    sum += vec4f(d0.y, d1.y, d2.y, d3.y);
    sum += vec4f(d0.z, d1.z, d2.z, d3.z);
    sum += vec4f(d0.w, d1.w, d2.w, d3.w);
  }
  return sum;
}

// Hands the owner's sums to the kernel, four columns of a row at a time; the bias is the row behind the weights.

fn handOutBlock(layer: Dense, item: u32, gradients: mat4x4f) {
  let block = item - layer.firstBlock;
  let firstRow = block / layer.columns * 4u;
  var rows = gradients;
  for (var i = 0u; i < 4u && firstRow + i < layer.fanIn; i++) {
    takeGradients(layer, firstRow + i, block % layer.columns, lateScale() * rows[i]);
  }
}

fn handOutQuad(layer: Dense, item: u32, gradients: vec4f) {
  takeGradients(layer, layer.fanIn, item - layer.firstQuad, lateScale() * gradients);
}

fn handOutSums(thread: u32) {
  for (var index = 0u; index < LAYERS; index++) {
    handOutGradients(layerAt(index), thread);
  }
}
