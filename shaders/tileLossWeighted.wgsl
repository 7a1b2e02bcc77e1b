// For sampleTile.wgsl: as tileLossElementwise.wgsl, where the targets have one more column, the weight of the row.

#import sampleTile
#expects fn gradientScale() -> f32
#expects fn elementLoss(y: f32, t: f32) -> vec2f

fn weightedLosses(layer: Dense, column: u32, quad: u32, count: u32) {
  let output = load(placeOf(layer.outputs + column, quad));
  let t = targetsOf(quad, column);
  let weight = targetsOf(quad, OUTPUTS - 1u);
  let e0 = elementLoss(output.x, t.x);
  let e1 = elementLoss(output.y, t.y);
  let e2 = elementLoss(output.z, t.z);
  let e3 = elementLoss(output.w, t.w);
  addLosses(weight * vec4f(e0.x, e1.x, e2.x, e3.x), quad, count);
  let at = placeOf(layer.saved + column, quad);
  let slopes = gradientScale() * weight * vec4f(e0.y, e1.y, e2.y, e3.y);
  store(at, select(vec4f(), slopeProduct4(layer.activation, slopes, load(at)), isSample(quad, count)));
}

fn lossOfTile(layer: Dense, thread: u32, count: u32) {
  for (var item = thread; item < (OUTPUTS - 1u) * QUADS; item += THREADS) {
    weightedLosses(layer, item / QUADS, item % QUADS, count);
  }
  workgroupBarrier();
}
