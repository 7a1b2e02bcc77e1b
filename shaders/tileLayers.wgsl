// A tile of samples through all layers of a network, forward and backward.

#import tileGradients
#expects const LAYERS: u32
#expects const SAVES: bool
#expects fn layerAt(index: u32) -> Dense
#expects fn prepare4(activation: u32, z: vec4f) -> vec4f
#expects fn activate4(activation: u32, z: vec4f) -> vec4f
#expects fn lossOfTile(layer: Dense, thread: u32, count: u32)
#expects fn addGradients(layer: Dense, thread: u32)

// A thread takes four units at a time, for SPAN · 4 samples, all that share an item of SPANS.

fn forwardLayer(index: u32, thread: u32) {
  let layer = layerAt(index);
  for (var item = thread; item < layer.columns * SPANS; item += THREADS) {
    let column = item / SPANS;
    var sums = forwardSums(layer, column, item % SPANS);
    for (var part = 0u; part < 4u * SPAN; part++) {
      let unit = 4u * column + part % 4u;
      let quad = item % SPANS + part / 4u * SPANS;
      let z = prepare4(layer.activation, sums[part]);
      if (SAVES) {
        store(placeOf(layer.saved + unit, quad), z);
      }
      store(placeOf(layer.outputs + unit, quad), activate4(layer.activation, z));
    }
  }
  workgroupBarrier();
}

// The gradient by the pre-activations of the layer below, in place of what its slope is computed from.
fn backwardLayer(index: u32, thread: u32) {
  let layer = layerAt(index);
  let below = layerAt(index - 1u);
  for (var item = thread; item < below.columns * SPANS; item += THREADS) {
    let block = item / SPANS;
    var sums = backwardSums(layer, block, item % SPANS);
    for (var part = 0u; part < 4u * SPAN; part++) {
      let at = placeOf(below.saved + 4u * block + part % 4u, item % SPANS + part / 4u * SPANS);
      store(at, slopeProduct4(below.activation, sums[part], load(at)));
    }
  }
  workgroupBarrier();
}

// Forward, loss and backward of up to TILE samples, from `first` of the chunk; adds to gradients and loss.
fn addTile(thread: u32, first: u32, count: u32, key: vec2u, orderSeed: vec2u) {
  readTile(thread, first, count, key, orderSeed);
  for (var index = 0u; index < LAYERS; index++) {
    forwardLayer(index, thread);
  }
  lossOfTile(layerAt(LAYERS - 1u), thread, count);
  // addGradients is called from one place only: compilers write it out at each.
  for (var above = LAYERS; above > 0u; above--) {
    let index = above - 1u;
    addGradients(layerAt(index), thread);
    if (index > 0u) {
      workgroupBarrier(); // the gradients take the place of activations that others may still be reading
      backwardLayer(index, thread);
    }
  }
}
