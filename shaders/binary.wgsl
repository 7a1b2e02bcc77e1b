// out = compute(a, b) with operands that repeat along dimensions where they have size 1: one invocation per four values of a row, so
// that places are divided out once for four. `compute` is written from src/math/elementwise.ts. CPU reference: src/backend/cpu/binary.ts.

#import strides
#expects alias ElementA
#expects alias ElementB
#expects alias ElementOut
#expects fn compute(x: f32, y: f32) -> f32

override NUMBER: u32 = 0u;     // 1: a is the uniform's number, 2: b is
override RANK: u32 = 1u;

struct Binary {
  first: u32,      // four values of out that invocation 0 computes
  end: u32,
  aOffset: u32,
  bOffset: u32,
  outOffset: u32,
  axes: array<vec4u, 8>,  // size, stride of a, stride of b
  number: f32,
}

@group(0) @binding(0) var<uniform> sizes: Binary;
@group(0) @binding(1) var<storage, read> a: array<ElementA>;
@group(0) @binding(2) var<storage, read> b: array<ElementB>;
@group(0) @binding(3) var<storage, read_write> out: array<ElementOut>;

@compute @workgroup_size(64)
fn binary(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = sizes.first + linearIndex(id, groups, 64u);
  if (index >= sizes.end) {
    return;
  }
  let inner = sizes.axes[RANK - 1u];
  var startA = sizes.aOffset;
  var startB = sizes.bOffset;
  var outStart = sizes.outOffset;
  var column = 4u * index;
  if (RANK > 1u) {
    let quads = (inner.x + 3u) / 4u;
    var row = index / quads;
    column = 4u * (index - row * quads);
    outStart += row * inner.x;
    for (var axis = RANK - 2u; axis > 0u; axis--) {
      let each = sizes.axes[axis];
      let above = row / each.x;
      startA += (row - above * each.x) * each.y;
      startB += (row - above * each.x) * each.z;
      row = above;
    }
    startA += row * sizes.axes[0].y;
    startB += row * sizes.axes[0].z;
  }
  let end = min(column + 4u, inner.x);
  for (; column < end; column++) {
    var x = sizes.number;
    var y = sizes.number;
    if (NUMBER != 1u) {
      x = f32(a[startA + column * inner.y]);
    }
    if (NUMBER != 2u) {
      y = f32(b[startB + column * inner.z]);
    }
    out[outStart + column] = ElementOut(compute(x, y));
  }
}
