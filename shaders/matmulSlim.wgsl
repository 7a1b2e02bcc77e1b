// matmul for at most 4 rows and 4 columns, and long sums: one invocation takes a slice of k for all values of a matrix, so that
// every value of a and b is loaded once. TEAM invocations take the products of one stretch in turn: neighbours load neighbours.
// out is [slots, matrices, m, n]. Buffers as in matmul.wgsl.

const TEAM = 64u;

override ROWS: u32 = 4u;     // m
override COLUMNS: u32 = 4u;  // n

@group(0) @binding(1) var<storage, read> a: array<ElementA>;
@group(0) @binding(2) var<storage, read> b: array<ElementB>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

// Those past the last are 0.
fn rowsOf(at: u32) -> vec4f {
  var values = vec4f(f32(a[at]), 0.0, 0.0, 0.0);
  if (ROWS > 1u) {
    values.y = f32(a[at + sizes.aRow]);
  }
  if (ROWS > 2u) {
    values.z = f32(a[at + 2u * sizes.aRow]);
  }
  if (ROWS > 3u) {
    values.w = f32(a[at + 3u * sizes.aRow]);
  }
  return values;
}

fn columnsOf(at: u32) -> vec4f {
  var values = vec4f(f32(b[at]), 0.0, 0.0, 0.0);
  if (COLUMNS > 1u) {
    values.y = f32(b[at + sizes.bColumn]);
  }
  if (COLUMNS > 2u) {
    values.z = f32(b[at + 2u * sizes.bColumn]);
  }
  if (COLUMNS > 3u) {
    values.w = f32(b[at + 3u * sizes.bColumn]);
  }
  return values;
}

fn storeValues(first: u32, values: vec4f) {
  for (var column = 0u; column < COLUMNS; column++) {
    out[first + column] = values[column];
  }
}

@compute @workgroup_size(64)
fn matmulSlim(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = sizes.first + linearIndex(id, groups, 64u);
  if (index >= sizes.end) {
    return;
  }
  // sizes.slice products to a slot; slots are a multiple of TEAM, and come first in the index: neighbours are a team.
  let stretch = TEAM * sizes.slice;
  let slots = (sizes.k + stretch - 1u) / stretch * TEAM;
  let slot = index % slots;
  let matrix = index / slots;
  let origin = firstOf(matrix);
  let start = slot / TEAM * stretch;
  let end = min(start + stretch, sizes.k);
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  for (var i = start + slot % TEAM; i < end; i += TEAM) {
    let x = rowsOf(origin.x + i * sizes.aColumn);
    let y = columnsOf(origin.y + i * sizes.bRow);
    s0 = fma(vec4f(x.x), y, s0);
    if (ROWS > 1u) {
      s1 = fma(vec4f(x.y), y, s1);
    }
    if (ROWS > 2u) {
      s2 = fma(vec4f(x.z), y, s2);
    }
    if (ROWS > 3u) {
      s3 = fma(vec4f(x.w), y, s3);
    }
  }
  let first = (slot * sizes.matrices + matrix) * ROWS * COLUMNS;
  storeValues(first, s0);
  if (ROWS > 1u) {
    storeValues(first + COLUMNS, s1);
  }
  if (ROWS > 2u) {
    storeValues(first + 2u * COLUMNS, s2);
  }
  if (ROWS > 3u) {
    storeValues(first + 3u * COLUMNS, s3);
  }
}
