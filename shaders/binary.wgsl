// out = f(a, b) with operands that repeat along dimensions where they have size 1, one invocation per value.
// Twin: src/cpu/binary.ts.

override OPERATION: u32 = 0u;  // place in binaryNames of src/cpu/binary.ts; of the last two, LOSS says which
override NUMBER: u32 = 0u;     // 1: a is the uniform's number, 2: b is

struct Binary {
  first: u32,      // value of out that invocation 0 computes
  end: u32,
  rank: u32,
  aOffset: u32,
  bOffset: u32,
  outOffset: u32,
  shape: PerAxis,  // of out
  aStrides: PerAxis,
  bStrides: PerAxis,
  number: f32,
}

@group(0) @binding(0) var<uniform> sizes: Binary;
@group(0) @binding(1) var<storage, read> a: array<ElementA>;
@group(0) @binding(2) var<storage, read> b: array<ElementB>;
@group(0) @binding(3) var<storage, read_write> out: array<ElementOut>;

fn compute(x: f32, y: f32) -> f32 {
  switch (OPERATION) {
    case 1u: { return x - y; }
    case 2u: { return x * y; }
    case 3u: { return x / y; }
    case 4u: { return max(x, y); }
    case 5u: { return min(x, y); }
    case 6u: { return select(0.0, 1.0, x > y); }
    case 7u: { return select(0.0, 1.0, x == y); }
    case 8u: { return elementLoss(x, y).x; }
    case 9u: { return elementLoss(x, y).y; }
    default: { return x + y; }
  }
}

@compute @workgroup_size(64)
fn binary(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = sizes.first + linearIndex(id, groups, 64u);
  if (index >= sizes.end) {
    return;
  }
  var rest = index;
  var aAt = sizes.aOffset;
  var bAt = sizes.bOffset;
  for (var axis = sizes.rank; axis > 1u; axis--) {
    let size = ofAxis(sizes.shape, axis - 1u);
    aAt += (rest % size) * ofAxis(sizes.aStrides, axis - 1u);
    bAt += (rest % size) * ofAxis(sizes.bStrides, axis - 1u);
    rest /= size;
  }
  aAt += rest * sizes.aStrides[0].x;
  bAt += rest * sizes.bStrides[0].x;
  var x = sizes.number;
  var y = sizes.number;
  if (NUMBER != 1u) {
    x = f32(a[aAt]);
  }
  if (NUMBER != 2u) {
    y = f32(b[bAt]);
  }
  out[sizes.outOffset + index] = ElementOut(compute(x, y));
}
