// For sampleTile.wgsl: a loss of every output by itself.

#import sampleTile
#expects fn gradientScale() -> f32
#expects fn elementLoss(y: f32, t: f32) -> vec2f

fn elementLosses(layer: Dense, column: u32, quad: u32, count: u32) {
  let output = load(placeOf(layer.outputs + column, quad));
  let t = targetsOf(quad, column);
  let e0 = elementLoss(output.x, t.x);
  let e1 = elementLoss(output.y, t.y);
  let e2 = elementLoss(output.z, t.z);
  let e3 = elementLoss(output.w, t.w);
  addLosses(vec4f(e0.x, e1.x, e2.x, e3.x), quad, count);
  let at = placeOf(layer.saved + column, quad);
  let gradient = slopeProduct4(layer.activation, gradientScale() * vec4f(e0.y, e1.y, e2.y, e3.y), load(at));
  store(at, select(vec4f(), gradient, isSample(quad, count)));
}

fn lossOfTile(layer: Dense, thread: u32, count: u32) {
  for (var item = thread; item < OUTPUTS * QUADS; item += THREADS) {
    elementLosses(layer, item / QUADS, item % QUADS, count);
  }
  workgroupBarrier();
}
