// As tileLayers.wgsl, with dropout behind the input and behind layers. Masks are drawn again on the way back: see dropout.wgsl.

#import tilePasses
#import dropout
#expects const SAVES: bool
#expects fn layerAt(index: u32) -> Dense
#expects fn prepare4(activation: u32, z: vec4f) -> vec4f
#expects fn activate4(activation: u32, z: vec4f) -> vec4f
#expects fn dropAt(place: u32) -> Drop
#expects fn maskKeyAt(place: u32) -> vec2u
#expects fn drawMaskKeys(orderSeed: vec2u)

// Dropout behind a layer, or behind the input, whose place is 0.
struct Drop {
  threshold: u32,  // of 2¹⁶; 0 where there is none
  factor: f32,     // 1 / (1 − rate)
  kept: f32,       // 1 − rate
}

// Place in the batch of the tile's first sample.
var<private> firstSample: u32;

// As mix of shuffle.wgsl, for four samples.
fn mix4(x: vec4u) -> vec4u {
  var h = x;
  h = (h ^ (h >> vec4u(16u))) * 0x85ebca6bu;
  h = (h ^ (h >> vec4u(13u))) * 0xc2b2ae35u;
  return h ^ (h >> vec4u(16u));
}

// As maskWord of dropout.wgsl: the words of four units of four samples, two units to a word.
struct Words {
  first: vec4u,
  second: vec4u,
}

fn wordsOf(place: u32, column: u32, quad: u32) -> Words {
  let key = maskKeyAt(place);
  let samples = vec4u(firstSample + 4u * quad) + vec4u(0u, 1u, 2u, 3u);
  let state = mix4(vec4u(key.x) + samples * 0x9e3779b9u) + vec4u((2u * column + 1u) * 0x7f4a7c15u);
  return Words(mix4(state ^ vec4u(key.y)), mix4((state + vec4u(0x7f4a7c15u)) ^ vec4u(key.y)));
}

// What one of these units is multiplied by.
fn factorsOf(drop: Drop, words: Words, unit: u32) -> vec4f {
  let pair = select(words.first, words.second, (unit & 2u) != 0u);
  let halves = (pair >> vec4u(16u * (unit & 1u))) & vec4u(0xffffu);
  return select(vec4f(), vec4f(drop.factor), halves >= vec4u(drop.threshold));
}

fn dropInputs(thread: u32) {
  let drop = dropAt(0u);
  if (drop.threshold == 0u) {
    return;
  }
  for (var item = thread; item < INPUTS * QUADS; item += THREADS) {
    let column = item % INPUTS;
    let quad = item / INPUTS;
    let at = placeOf(column, quad);
    store(at, load(at) * factorsOf(drop, wordsOf(0u, column / 4u, quad), column));
  }
  workgroupBarrier();
}

// A thread takes four units at a time, for SPAN · 4 samples, all that share an item of SPANS.

fn forwardLayer(index: u32, thread: u32) {
  let layer = layerAt(index);
  let drop = dropAt(index + 1u);
  for (var item = thread; item < layer.columns * SPANS; item += THREADS) {
    let column = item / SPANS;
    var sums = forwardSums(layer, column, item % SPANS);
    var words = Words();
    for (var part = 0u; part < 4u * SPAN; part++) {
      let unit = 4u * column + part % 4u;
      let quad = item % SPANS + part / 4u * SPANS;
      let z = prepare4(layer.activation, sums[part]);
      if (SAVES) {
        store(placeOf(layer.saved + unit, quad), z);
      }
      var output = activate4(layer.activation, z);
      if (drop.threshold > 0u) {
        if (part % 4u == 0u) {
          words = wordsOf(index + 1u, column, quad);
        }
        output *= factorsOf(drop, words, part);
      }
      store(placeOf(layer.outputs + unit, quad), output);
    }
  }
  workgroupBarrier();
}

// The gradient by the pre-activations of the layer below, in place of what its slope is computed from.
fn backwardLayer(index: u32, thread: u32) {
  let layer = layerAt(index);
  let below = layerAt(index - 1u);
  let drop = dropAt(index);
  for (var item = thread; item < below.columns * SPANS; item += THREADS) {
    let block = item / SPANS;
    var sums = backwardSums(layer, block, item % SPANS);
    var words = Words();
    for (var part = 0u; part < 4u * SPAN; part++) {
      let unit = 4u * block + part % 4u;
      let quad = item % SPANS + part / 4u * SPANS;
      let at = placeOf(below.saved + unit, quad);
      var saved = load(at);
      var gradient = sums[part];
      if (drop.threshold > 0u) {
        if (part % 4u == 0u) {
          words = wordsOf(index, block, quad);
        }
        gradient *= factorsOf(drop, words, part);
        // An activation that is saved has been divided: what was dropped is 0, and so is its gradient, whatever the slope.
        saved *= select(1.0, drop.kept, below.saved == below.outputs);
      }
      store(at, slopeProduct4(below.activation, gradient, saved));
    }
  }
  workgroupBarrier();
}

fn beginTile(thread: u32, first: u32, orderSeed: vec2u) {
  drawMaskKeys(orderSeed);
  firstSample = step.firstRow + first;
  dropInputs(thread);
}
