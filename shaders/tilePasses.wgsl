// Forward, loss and backward of a tile of samples: in which order layers are taken, whatever a layer does.

#import tileGradients
#expects const LAYERS: u32
#expects fn layerAt(index: u32) -> Dense
#expects fn beginTile(thread: u32, first: u32, orderSeed: vec2u)
#expects fn forwardLayer(index: u32, thread: u32)
#expects fn backwardLayer(index: u32, thread: u32)
#expects fn lossOfTile(layer: Dense, thread: u32, count: u32)
#expects fn addGradients(layer: Dense, thread: u32)

// Forward, loss and backward of up to TILE samples, from `first` of the chunk; adds to gradients and loss.
fn addTile(thread: u32, first: u32, count: u32, key: vec2u, orderSeed: vec2u) {
  readTile(thread, first, count, key, orderSeed);
  beginTile(thread, first, orderSeed);
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
