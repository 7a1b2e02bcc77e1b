// matmul for at most 4 rows and 4 columns, and long sums: one invocation takes a slice of k for all values of a matrix, so that
// every value of a and b is loaded once. TEAM invocations take the products of one stretch in turn, four each: neighbours load
// neighbours. out is [splits, matrices, m, n]. Buffers as in matmul.wgsl.

#import matmulSizes
#import addFour
#expects alias ElementA
#expects alias ElementB

const TEAM = 64u;

override ROWS: u32 = 4u;     // m
override COLUMNS: u32 = 4u;  // n
// How the values of four products lie, from a multiple of four: 1 packed, one product after the other, 2 row by row (of b: column
// by column), 0 otherwise. Loaded four at once 2 × 2 values take 1.4 times less on SwiftShader.
override A_LAYOUT: u32 = 0u;
override B_LAYOUT: u32 = 0u;

@group(0) @binding(1) var<storage, read> a: array<ElementA>;
@group(0) @binding(2) var<storage, read> b: array<ElementB>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
@group(0) @binding(4) var<storage, read> aFours: array<vec4<ElementA>>; // a once more
@group(0) @binding(5) var<storage, read> bFours: array<vec4<ElementB>>; // b once more

// Values of `count` rows in four products, packed in `count` vectors, row by row.
fn unpack(count: u32, v: mat4x4f) -> mat4x4f {
  switch (count) {
    case 2u: {
      return mat4x4f(vec4f(v[0].xz, v[1].xz), vec4f(v[0].yw, v[1].yw), vec4f(), vec4f());
    }
    case 3u: {
      return mat4x4f(
        vec4f(v[0].xw, v[1].z, v[2].y),
        vec4f(v[0].y, v[1].xw, v[2].z),
        vec4f(v[0].z, v[1].y, v[2].xw),
        vec4f(),
      );
    }
    case 4u: {
      return transpose(v);
    }
    default: {
      return v;
    }
  }
}

fn fourOfA(at: u32) -> vec4f {
  return vec4f(aFours[at / 4u]);
}

fn fourOfB(at: u32) -> vec4f {
  return vec4f(bFours[at / 4u]);
}

fn valuesOfA(at: vec4u) -> vec4f {
  return vec4f(f32(a[at.x]), f32(a[at.y]), f32(a[at.z]), f32(a[at.w]));
}

fn valuesOfB(at: vec4u) -> vec4f {
  return vec4f(f32(b[at.x]), f32(b[at.y]), f32(b[at.z]), f32(b[at.w]));
}

// Of each row of a its values in four products, those of the first at `at`. Rows past the last are 0.
fn rowsAt(at: u32) -> mat4x4f {
  var x: mat4x4f;
  let stride = select(4u, sizes.aRow, A_LAYOUT == 2u);
  x[0] = fourOfA(at);
  if (ROWS > 1u) {
    x[1] = fourOfA(at + stride);
  }
  if (ROWS > 2u) {
    x[2] = fourOfA(at + 2u * stride);
  }
  if (ROWS > 3u) {
    x[3] = fourOfA(at + 3u * stride);
  }
  if (A_LAYOUT == 1u) {
    return unpack(ROWS, x);
  }
  return x;
}

fn columnsAt(at: u32) -> mat4x4f {
  var y: mat4x4f;
  let stride = select(4u, sizes.bColumn, B_LAYOUT == 2u);
  y[0] = fourOfB(at);
  if (COLUMNS > 1u) {
    y[1] = fourOfB(at + stride);
  }
  if (COLUMNS > 2u) {
    y[2] = fourOfB(at + 2u * stride);
  }
  if (COLUMNS > 3u) {
    y[3] = fourOfB(at + 3u * stride);
  }
  if (B_LAYOUT == 1u) {
    return unpack(COLUMNS, y);
  }
  return y;
}

// The same value by value.
fn rowsOf(at: vec4u) -> mat4x4f {
  var x: mat4x4f;
  x[0] = valuesOfA(at);
  if (ROWS > 1u) {
    x[1] = valuesOfA(at + sizes.aRow);
  }
  if (ROWS > 2u) {
    x[2] = valuesOfA(at + 2u * sizes.aRow);
  }
  if (ROWS > 3u) {
    x[3] = valuesOfA(at + 3u * sizes.aRow);
  }
  return x;
}

fn columnsOf(at: vec4u) -> mat4x4f {
  var y: mat4x4f;
  y[0] = valuesOfB(at);
  if (COLUMNS > 1u) {
    y[1] = valuesOfB(at + sizes.bColumn);
  }
  if (COLUMNS > 2u) {
    y[2] = valuesOfB(at + 2u * sizes.bColumn);
  }
  if (COLUMNS > 3u) {
    y[3] = valuesOfB(at + 3u * sizes.bColumn);
  }
  return y;
}

// x: of each row its values in four products, y: of each column. s: of each row its sums.
fn addProducts(s: mat4x4f, x: mat4x4f, y: mat4x4f) -> mat4x4f {
  let right = transpose(y);
  var sums = s;
  sums[0] = addFour(s[0], x[0], right);
  if (ROWS > 1u) {
    sums[1] = addFour(s[1], x[1], right);
  }
  if (ROWS > 2u) {
    sums[2] = addFour(s[2], x[2], right);
  }
  if (ROWS > 3u) {
    sums[3] = addFour(s[3], x[3], right);
  }
  return sums;
}

// Products i to i + 3 that lie before `end`: past it values of a are 0, and those of b the last.
fn addAny(s: mat4x4f, i: u32, end: u32, origin: vec2u) -> mat4x4f {
  let four = vec4u(i) + vec4u(0u, 1u, 2u, 3u);
  let ks = min(four, vec4u(end - 1u));
  let x = rowsOf(origin.x + ks * sizes.aColumn);
  return addProducts(
    s,
    mat4x4f(
      select(vec4f(), x[0], four < vec4u(end)),
      select(vec4f(), x[1], four < vec4u(end)),
      select(vec4f(), x[2], four < vec4u(end)),
      select(vec4f(), x[3], four < vec4u(end)),
    ),
    columnsOf(origin.y + ks * sizes.bRow),
  );
}

// Products i to i + 3, all of them there.
fn addWhole(s: mat4x4f, i: u32, origin: vec2u) -> mat4x4f {
  let ks = vec4u(i) + vec4u(0u, 1u, 2u, 3u);
  var x: mat4x4f;
  if (A_LAYOUT == 0u) {
    x = rowsOf(origin.x + ks * sizes.aColumn);
  } else {
    x = rowsAt(origin.x + i * sizes.aColumn);
  }
  if (B_LAYOUT == 0u) {
    return addProducts(s, x, columnsOf(origin.y + ks * sizes.bRow));
  }
  return addProducts(s, x, columnsAt(origin.y + i * sizes.bRow));
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
  // sizes.slice products to a split; splits are a multiple of TEAM, and come first in the index: neighbours are a team.
  let stretch = TEAM * sizes.slice;
  let splits = (sizes.k + stretch - 1u) / stretch * TEAM;
  let split = index % splits;
  let matrix = index / splits;
  let origin = firstOf(matrix);
  let start = split / TEAM * stretch;
  let end = min(start + stretch, sizes.k);
  var s: mat4x4f;
  var i = start + 4u * (split % TEAM);
  for (; i + 4u <= end; i += 4u * TEAM) {
    s = addWhole(s, i, origin);
  }
  if (i < end) {
    s = addAny(s, i, end, origin);
  }
  let first = (split * sizes.matrices + matrix) * ROWS * COLUMNS;
  for (var row = 0u; row < ROWS; row++) {
    storeValues(first + row * COLUMNS, s[row]);
  }
}
