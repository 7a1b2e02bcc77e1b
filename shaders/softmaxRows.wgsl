// Functions of rows of logits a [outer, width, inner] along the middle axis, and of values b of the same shape: LANES invocations
// per row, which take its columns in turn. crossEntropy.wgsl tells how nothing cancels. CPU reference: src/backend/cpu/softmax.ts.
//   softmax p, logSoftmax, crossEntropySlope p · Σb − b, aboveMean b − Σ p · b, softmaxSlope p · (b − Σ p · b)
//                                out [outer, width, inner]
//   crossEntropy −Σ b · log p    out [outer, 1, inner]

#import grid
#import crossEntropy
#expects alias ElementA
#expects alias ElementB
#expects alias ElementOut

override OPERATION: u32 = 0u;  // place in softmaxNames of src/backend/cpu/softmax.ts
override LANES: u32 = 1u;      // 1, or 64 for long rows

struct SoftmaxRows {
  first: u32,      // invocation that is the first of this dispatch
  end: u32,
  aOffset: u32,
  bOffset: u32,
  outOffset: u32,
  width: u32,
  inner: u32,
}

@group(0) @binding(0) var<uniform> sizes: SoftmaxRows;
@group(0) @binding(1) var<storage, read> a: array<ElementA>;
@group(0) @binding(2) var<storage, read> b: array<ElementB>;
@group(0) @binding(3) var<storage, read_write> out: array<ElementOut>;

struct Sums {
  row: SoftmaxSums,
  total: f32,  // −Σ b · (a − largest), or Σ e · (b − that at the largest)
}

var<workgroup> places: array<u32, 64>;
var<workgroup> parts: array<Sums, 64>;

// Place of a column of a row that begins at `start`.
fn at(start: u32, column: u32) -> u32 {
  return start + column * sizes.inner;
}

fn logitAt(start: u32, column: u32) -> f32 {
  return f32(a[sizes.aOffset + at(start, column)]);
}

fn valueAt(start: u32, column: u32) -> f32 {
  return f32(b[sizes.bOffset + at(start, column)]);
}

// Column of the largest logit, of several the first, among every LANES-th.
fn largestOfLane(start: u32, lane: u32, width: u32) -> u32 {
  var place = lane;
  for (var column = lane; column < width; column += LANES) {
    place = select(place, column, logitAt(start, column) > logitAt(start, place));
  }
  return place;
}

fn largestOfLanes(start: u32) -> u32 {
  var place = places[0];
  var largest = logitAt(start, place);
  for (var lane = 1u; lane < LANES; lane++) {
    let other = places[lane];
    let logit = logitAt(start, other);
    if ((logit > largest) | ((logit == largest) & (other < place))) {
      place = other;
      largest = logit;
    }
  }
  return place;
}

fn sumsOfLane(start: u32, lane: u32, width: u32, place: u32) -> Sums {
  let largest = logitAt(start, place);
  var sums = Sums();
  for (var column = lane; column < width; column += LANES) {
    let shifted = logitAt(start, column) - largest;
    let e = exponentialOf(shifted);
    var value = 0.0;
    if (OPERATION > 1u) {
      value = valueAt(start, column);
    }
    sums.row.rest += select(e, 0.0, column == place);
    sums.row.restTargets += select(value, 0.0, column == place);
    sums.row.targets += value;
    if ((OPERATION == 3u) | (OPERATION == 4u)) {
      sums.total += targetTimes(e, value - valueAt(start, place));
    } else {
      sums.total -= targetTimes(value, shifted);
    }
  }
  return sums;
}

fn sumsOfLanes() -> Sums {
  var sums = parts[0];
  for (var lane = 1u; lane < LANES; lane++) {
    sums.row.rest += parts[lane].row.rest;
    sums.row.restTargets += parts[lane].row.restTargets;
    sums.row.targets += parts[lane].row.targets;
    sums.total += parts[lane].total;
  }
  return sums;
}

// A value less the mean of all, both by their distance from the value at the largest probability: as this goes to 1 the mean
// goes to 0.
fn aboveMean(start: u32, column: u32, place: u32, mean: f32) -> f32 {
  return (valueAt(start, column) - valueAt(start, place)) - mean;
}

fn writeRow(start: u32, lane: u32, place: u32, sums: Sums) {
  let largest = logitAt(start, place);
  var row = sums.row;
  row.rest += zeroIfFinite(largest);
  let all = 1.0 + row.rest;
  let logSum = logOnePlus(row.rest);
  if (OPERATION == 5u) {
    if (lane == 0u) {
      let index = start / (sizes.width * sizes.inner) * sizes.inner + start % sizes.inner;
      out[sizes.outOffset + index] = ElementOut(fma(row.targets, logSum, sums.total));
    }
    return;
  }
  let slopes = slopesOf(row, 1.0);
  for (var column = lane; column < sizes.width; column += LANES) {
    let shifted = logitAt(start, column) - largest;
    let e = exponentialOf(shifted);
    let p = e / all;
    var result = p;
    switch (OPERATION) {
      case 1u: { result = shifted - logSum; }
      case 2u: { result = slopeOf(slopes, e, valueAt(start, column), column == place); }
      case 3u: { result = aboveMean(start, column, place, sums.total / all); }
      case 4u: { result = targetTimes(p, aboveMean(start, column, place, sums.total / all)); }
      default: {}
    }
    out[sizes.outOffset + at(start, column)] = ElementOut(result);
  }
}

@compute @workgroup_size(64)
fn softmaxRows(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let index = sizes.first + linearIndex(id, groups, 64u);
  let isInside = index < sizes.end;
  let row = select(0u, index / LANES, isInside);
  let lane = index % LANES;
  let width = select(0u, sizes.width, isInside); // no early return: others may wait at the barriers
  let start = row / sizes.inner * sizes.inner * sizes.width + row % sizes.inner;
  var place = largestOfLane(start, lane, width);
  if (LANES > 1u) {
    places[thread] = place;
    workgroupBarrier();
    place = largestOfLanes(start);
  }
  var sums = sumsOfLane(start, lane, width, place);
  if (LANES > 1u) {
    parts[thread] = sums;
    workgroupBarrier();
    sums = sumsOfLanes();
  }
  if (isInside) {
    writeRow(start, lane, place, sums);
  }
}
