// out = a, read and written with strides: transposed, repeated, cut out, put into a part of out; one invocation per value.
// Where PADS, values of out outside the frame become 0. Twin: src/cpu/copy.ts.

override PADS: bool = false;

struct Copy {
  first: u32,       // value that invocation 0 copies
  end: u32,
  rank: u32,
  aOffset: u32,
  outOffset: u32,
  shape: PerAxis,   // of what is written
  aStrides: PerAxis,
  outStrides: PerAxis,
  before: PerAxis,  // frame: so many values before it, and so many in it
  inside: PerAxis,
}

@group(0) @binding(0) var<uniform> sizes: Copy;
@group(0) @binding(1) var<storage, read> a: array<ElementA>;
@group(0) @binding(2) var<storage, read_write> out: array<ElementOut>;

@compute @workgroup_size(64)
fn copy(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = sizes.first + linearIndex(id, groups, 64u);
  if (index >= sizes.end) {
    return;
  }
  var rest = index;
  var aAt = sizes.aOffset;
  var outAt = sizes.outOffset;
  var isInside = true;
  for (var axis = sizes.rank; axis > 0u; axis--) {
    let size = ofAxis(sizes.shape, axis - 1u);
    var place = rest % size;
    rest /= size;
    outAt += place * ofAxis(sizes.outStrides, axis - 1u);
    if (PADS) {
      place -= ofAxis(sizes.before, axis - 1u); // before the frame it wraps to a large number
      isInside = isInside & (place < ofAxis(sizes.inside, axis - 1u));
    }
    aAt += place * ofAxis(sizes.aStrides, axis - 1u);
  }
  var value = 0.0;
  if (isInside) {
    value = f32(a[aAt]);
  }
  out[outAt] = ElementOut(value);
}
