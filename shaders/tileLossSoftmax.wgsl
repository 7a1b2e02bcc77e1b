// For sampleTile.wgsl: −Σ t · log softmax of every sample, whose outputs are logits; see crossEntropy.wgsl.

#import sampleTile
#import crossEntropy
#expects fn gradientScale() -> f32

fn exponentials(x: vec4f) -> vec4f {
  return vec4f(exponentialOf(x.x), exponentialOf(x.y), exponentialOf(x.z), exponentialOf(x.w));
}

fn targetsTimes(t: vec4f, x: vec4f) -> vec4f {
  return vec4f(targetTimes(t.x, x.x), targetTimes(t.y, x.y), targetTimes(t.z, x.z), targetTimes(t.w, x.w));
}

// Four samples.
fn softmaxLosses(layer: Dense, quad: u32, count: u32) {
  var place = vec4u();
  var largest = load(placeOf(layer.outputs, quad));
  for (var column = 1u; column < OUTPUTS; column++) {
    let logit = load(placeOf(layer.outputs + column, quad));
    let isLarger = logit > largest;
    place = select(place, vec4u(column), isLarger);
    largest = select(largest, logit, isLarger);
  }
  var rest = vec4f(zeroIfFinite(largest.x), zeroIfFinite(largest.y), zeroIfFinite(largest.z), zeroIfFinite(largest.w));
  var restTargets = vec4f();
  var targetSum = vec4f();
  var distance = vec4f();
  for (var column = 0u; column < OUTPUTS; column++) {
    let t = targetsOf(quad, column);
    let shifted = load(placeOf(layer.outputs + column, quad)) - largest;
    let isLargest = vec4u(column) == place;
    rest += select(exponentials(shifted), vec4f(), isLargest);
    restTargets += select(t, vec4f(), isLargest);
    targetSum += t;
    distance -= targetsTimes(t, shifted);
  }
  let share = vec4f(gradientScale()) / (vec4f(1.0) + rest);
  let perExponential = share * targetSum;
  let ofLargest = share * fma(restTargets - targetSum, rest, restTargets);
  for (var column = 0u; column < OUTPUTS; column++) {
    let at = placeOf(layer.outputs + column, quad);
    let slope = fma(exponentials(load(at) - largest), perExponential, -gradientScale() * targetsOf(quad, column));
    store(at, select(vec4f(), select(slope, ofLargest, vec4u(column) == place), isSample(quad, count)));
  }
  let logSum = vec4f(logOnePlus(rest.x), logOnePlus(rest.y), logOnePlus(rest.z), logOnePlus(rest.w));
  addLosses(fma(targetSum, logSum, distance), quad, count);
}

fn lossOfTile(layer: Dense, thread: u32, count: u32) {
  for (var quad = thread; quad < QUADS; quad += THREADS) {
    softmaxLosses(layer, quad, count);
  }
  workgroupBarrier();
}
