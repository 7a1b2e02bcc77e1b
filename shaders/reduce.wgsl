// Sum, largest value or log Σ exp over some dimensions of a: one invocation per kept value and slice of what is reduced.
//   out [slices, kept]   slice s takes values s, s + slices, … in order, sums in blocks of 128
// A second dispatch reduces the slices. CPU reference: src/backend/cpu/reduce.ts.

#import grid
#import crossEntropy
#expects alias ElementA
#expects alias ElementOut

const BLOCK = 128u;

override OPERATION: u32 = 0u;  // place in reductionNames of src/backend/cpu/reduce.ts
override KEPT_RANK: u32 = 1u;
override REDUCED_RANK: u32 = 1u;

struct Reduce {
  first: u32,           // value of out that invocation 0 computes
  end: u32,
  aOffset: u32,
  outOffset: u32,
  kept: u32,              // number of values kept
  reduced: u32,           // number of values that become one
  slices: u32,
  axes: array<vec4u, 8>,  // of kept dimensions size and stride, of reduced ones size and stride
  scale: f32,             // of a sum: 1 / reduced for a mean
}

@group(0) @binding(0) var<uniform> sizes: Reduce;
@group(0) @binding(1) var<storage, read> a: array<ElementA>;
@group(0) @binding(2) var<storage, read_write> out: array<ElementOut>;

fn firstOf(index: u32) -> u32 {
  var rest = index;
  var at = sizes.aOffset;
  for (var axis = KEPT_RANK - 1u; axis > 0u; axis--) {
    let each = sizes.axes[axis];
    let above = rest / each.x;
    at += (rest - above * each.x) * each.y;
    rest = above;
  }
  return at + rest * sizes.axes[0].y;
}

fn valueAt(start: u32, index: u32) -> f32 {
  var rest = index;
  var at = start;
  for (var axis = REDUCED_RANK - 1u; axis > 0u; axis--) {
    let each = sizes.axes[axis];
    let above = rest / each.z;
    at += (rest - above * each.z) * each.w;
    rest = above;
  }
  return f32(a[at + rest * sizes.axes[0].w]);
}

fn largestOf(start: u32, slice: u32) -> f32 {
  var largest = valueAt(start, slice);
  for (var index = slice + sizes.slices; index < sizes.reduced; index += sizes.slices) {
    largest = max(largest, valueAt(start, index));
  }
  return largest;
}

// Index of the first that is as large.
fn placeOf(start: u32, slice: u32, largest: f32) -> u32 {
  for (var index = slice; index < sizes.reduced; index += sizes.slices) {
    if (valueAt(start, index) == largest) {
      return index;
    }
  }
  return slice;
}

// Sum of the values, or of the exponentials of all but the one at `place`, with `largest` taken off.
fn sumOf(start: u32, slice: u32, largest: f32, place: u32) -> f32 {
  let stretch = BLOCK * sizes.slices;
  var sum = 0.0;
  for (var block = slice; block < sizes.reduced; block += stretch) {
    var partial = 0.0;
    for (var index = block; index < min(block + stretch, sizes.reduced); index += sizes.slices) {
      let value = valueAt(start, index);
      if (OPERATION == 2u) {
        partial += select(exponentialOf(value - largest), 0.0, index == place);
      } else {
        partial += value;
      }
    }
    sum += partial;
  }
  return sum;
}

@compute @workgroup_size(64)
fn reduce(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = sizes.first + linearIndex(id, groups, 64u);
  if (index >= sizes.end) {
    return;
  }
  let start = firstOf(index % sizes.kept);
  let slice = index / sizes.kept;
  var result = 0.0;
  switch (OPERATION) {
    case 1u: { result = largestOf(start, slice); }
    case 2u: {
      let largest = largestOf(start, slice);
      let rest = sumOf(start, slice, largest, placeOf(start, slice, largest));
      // Infinite where the largest is: nothing is left of infinity less itself.
      result = select(largest + logOnePlus(rest), largest, (bitcast<u32>(largest) & 0x7fffffffu) == 0x7f800000u);
    }
    default: { result = sizes.scale * sumOf(start, slice, 0.0, 0u); }
  }
  out[sizes.outOffset + index] = ElementOut(result);
}
