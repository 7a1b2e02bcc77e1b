// out = a, read and written with strides: transposed, repeated, cut out, put into a part of out; one invocation per four values of
// a row. Where PADS, values of out outside the frame become 0. CPU reference: src/backend/cpu/copy.ts.

#import strides
#expects alias ElementA
#expects alias ElementOut

override PADS: bool = false;
override RANK: u32 = 1u;

struct Copy {
  first: u32,       // four values that invocation 0 copies
  end: u32,
  aOffset: u32,
  outOffset: u32,
  axes: array<vec4u, 8>,   // size of what is written, stride of a, stride of out
  frame: array<vec4u, 4>,  // of two dimensions each: so many values before it, and so many in it
}

@group(0) @binding(0) var<uniform> sizes: Copy;
@group(0) @binding(1) var<storage, read> a: array<ElementA>;
@group(0) @binding(2) var<storage, read_write> out: array<ElementOut>;

// Places that a row begins at, and whether it lies in the frame.
struct Row {
  a: u32,
  out: u32,
  isInside: bool,
}

fn descend(row: Row, axis: u32, place: u32) -> Row {
  let each = sizes.axes[axis];
  var own = place;
  var isInside = row.isInside;
  if (PADS) {
    let pair = sizes.frame[axis / 2u];
    let frame = select(pair.xy, pair.zw, (axis & 1u) == 1u);
    own -= frame.x; // before the frame it wraps to a large number
    isInside = isInside & (own < frame.y);
  }
  return Row(row.a + own * each.y, row.out + place * each.z, isInside);
}

@compute @workgroup_size(64)
fn copy(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = sizes.first + linearIndex(id, groups, 64u);
  if (index >= sizes.end) {
    return;
  }
  let width = sizes.axes[RANK - 1u].x;
  var row = Row(sizes.aOffset, sizes.outOffset, true);
  var column = 4u * index;
  if (RANK > 1u) {
    let quads = (width + 3u) / 4u;
    var rest = index / quads;
    column = 4u * (index - rest * quads);
    for (var axis = RANK - 2u; axis > 0u; axis--) {
      let size = sizes.axes[axis].x;
      let above = rest / size;
      row = descend(row, axis, rest - above * size);
      rest = above;
    }
    row = descend(row, 0u, rest);
  }
  let end = min(column + 4u, width);
  for (; column < end; column++) {
    let value = descend(row, RANK - 1u, column);
    if (value.isInside) {
      out[value.out] = ElementOut(a[value.a]);
    } else {
      out[value.out] = ElementOut(0.0);
    }
  }
}
