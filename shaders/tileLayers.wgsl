// What tilePasses.wgsl does in each layer of a network, forward and backward.

#import tilePasses
#expects const SAVES: bool
#expects fn layerAt(index: u32) -> Dense
#expects fn prepare4(activation: u32, z: vec4f) -> vec4f
#expects fn activate4(activation: u32, z: vec4f) -> vec4f

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

fn beginTile(thread: u32, first: u32, orderSeed: vec2u) {}
