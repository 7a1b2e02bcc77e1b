// matmul with tiles in workgroup memory: 64 invocations share a tile of 64 × 64 values, each computes 8 × 8 of them, and every value of
// a and b is loaded once for 64 products. It needs barriers, which cost a software adapter more than the loads that they save; on
// hardware tuning may find it the fastest. Adds in the order of matmul.wgsl: the same bits. Buffers as there.

#import matmulSizes
#import addFour
#expects alias ElementA
#expects alias ElementB
#expects alias ElementOut

const BLOCK = 512u;
const TILE = 64u;
const DEPTH = 16u;  // products between two barriers
const PITCH = 65u;  // of a row of a tile: neighbours that store along k meet different banks

// Whether neighbouring values lie along k; else along rows of a, or columns of b. Neighbours load neighbours.
override A_ALONG_K: bool = true;
override B_ALONG_K: bool = false;

@group(0) @binding(1) var<storage, read> a: array<ElementA>;
@group(0) @binding(2) var<storage, read> b: array<ElementB>;
@group(0) @binding(3) var<storage, read_write> out: array<ElementOut>;

var<workgroup> left: array<f32, DEPTH * PITCH>;   // [DEPTH, rows]
var<workgroup> right: array<f32, DEPTH * PITCH>;  // [DEPTH, columns]

// Of row i: a_i its first four columns, b_i those 32 further on.
struct Sums {
  a0: vec4f, b0: vec4f,
  a1: vec4f, b1: vec4f,
  a2: vec4f, b2: vec4f,
  a3: vec4f, b3: vec4f,
  a4: vec4f, b4: vec4f,
  a5: vec4f, b5: vec4f,
  a6: vec4f, b6: vec4f,
  a7: vec4f, b7: vec4f,
}

// Where a tile lies.
struct Tile {
  first: vec2u,   // row and column of its first value
  origin: vec2u,  // first values of the matrices
}

// The i-th value that an invocation loads of a tile: its place along k, and its row or column.
fn placeOf(i: u32, lane: u32, isAlongK: bool) -> vec2u {
  if (isAlongK) {
    return vec2u(lane % DEPTH, i * (64u / DEPTH) + lane / DEPTH);
  }
  return vec2u(i, lane);
}

// Past the end the left values are 0, and the right ones repeat the last; rows and columns past the edge repeat the last one.
fn loadTiles(tile: Tile, k: u32, end: u32, lane: u32) {
  for (var i = 0u; i < DEPTH; i++) {
    let ofA = placeOf(i, lane, A_ALONG_K);
    let row = min(tile.first.x + ofA.y, sizes.m - 1u);
    let value = f32(a[tile.origin.x + row * sizes.aRow + min(k + ofA.x, end - 1u) * sizes.aColumn]);
    left[ofA.x * PITCH + ofA.y] = select(0.0, value, k + ofA.x < end);
    let ofB = placeOf(i, lane, B_ALONG_K);
    let column = min(tile.first.y + ofB.y, sizes.n - 1u);
    right[ofB.x * PITCH + ofB.y] =
      f32(b[tile.origin.y + min(k + ofB.x, end - 1u) * sizes.bRow + column * sizes.bColumn]);
  }
}

fn fourLeft(at: u32) -> vec4f {
  return vec4f(left[at], left[at + PITCH], left[at + 2u * PITCH], left[at + 3u * PITCH]);
}

fn fourRight(at: u32) -> vec4f {
  return vec4f(right[at], right[at + 1u], right[at + 2u], right[at + 3u]);
}

fn rightBlock(at: u32) -> mat4x4f {
  return mat4x4f(fourRight(at), fourRight(at + PITCH), fourRight(at + 2u * PITCH), fourRight(at + 3u * PITCH));
}

// Adds the four products that begin at depth k of the tiles. row, column: the invocation's first.
fn addProducts(s: Sums, k: u32, row: u32, column: u32) -> Sums {
  let a = rightBlock(k * PITCH + column);
  let b = rightBlock(k * PITCH + column + 32u);
  let at = k * PITCH + row;
  let x0 = fourLeft(at + 0u);
  let x1 = fourLeft(at + 1u);
  let x2 = fourLeft(at + 2u);
  let x3 = fourLeft(at + 3u);
  let x4 = fourLeft(at + 4u);
  let x5 = fourLeft(at + 5u);
  let x6 = fourLeft(at + 6u);
  let x7 = fourLeft(at + 7u);
  return Sums(
    addFour(s.a0, x0, a), addFour(s.b0, x0, b),
    addFour(s.a1, x1, a), addFour(s.b1, x1, b),
    addFour(s.a2, x2, a), addFour(s.b2, x2, b),
    addFour(s.a3, x3, a), addFour(s.b3, x3, b),
    addFour(s.a4, x4, a), addFour(s.b4, x4, b),
    addFour(s.a5, x5, a), addFour(s.b5, x5, b),
    addFour(s.a6, x6, a), addFour(s.b6, x6, b),
    addFour(s.a7, x7, a), addFour(s.b7, x7, b),
  );
}

fn addSums(s: Sums, t: Sums) -> Sums {
  return Sums(
    s.a0 + t.a0, s.b0 + t.b0,
    s.a1 + t.a1, s.b1 + t.b1,
    s.a2 + t.a2, s.b2 + t.b2,
    s.a3 + t.a3, s.b3 + t.b3,
    s.a4 + t.a4, s.b4 + t.b4,
    s.a5 + t.a5, s.b5 + t.b5,
    s.a6 + t.a6, s.b6 + t.b6,
    s.a7 + t.a7, s.b7 + t.b7,
  );
}

fn storeFour(first: u32, column: u32, sums: vec4f) {
  for (var j = 0u; j < 4u; j++) {
    if (column + j < sizes.n) {
      out[first + column + j] = ElementOut(sums[j]);
    }
  }
}

fn storeRow(first: u32, place: vec2u, a: vec4f, b: vec4f) {
  if (place.x < sizes.m) {
    let row = first + place.x * sizes.n;
    storeFour(row, place.y, a);
    storeFour(row, place.y + 32u, b);
  }
}

@compute @workgroup_size(64)
fn matmulWorkgroup(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  // a workgroup per tile: all of it comes here or none, as barriers want it
  let index = sizes.first / 64u + group.y * groups.x + group.x;
  if (index * 64u >= sizes.end) {
    return;
  }
  let tileColumns = (sizes.n + TILE - 1u) / TILE;
  let tileRows = (sizes.m + TILE - 1u) / TILE;
  let matrix = index / (tileColumns * tileRows);
  let first = vec2u(index / tileColumns % tileRows, index % tileColumns) * TILE;
  let tile = Tile(first, firstOf(matrix % sizes.matrices));
  let row = lane / 8u * 8u;
  let column = lane % 8u * 4u;
  let start = matrix / sizes.matrices * sizes.slice;
  let end = min(start + sizes.slice, sizes.k);
  var total: Sums;
  for (var block = start; block < end; block += BLOCK) {
    let blockEnd = min(block + BLOCK, end);
    var s = Sums(); // spelt out: without it the sums of the block before were found here (Dawn on SwiftShader, 2026)
    for (var k = block; k < blockEnd; k += DEPTH) {
      loadTiles(tile, k, blockEnd, lane);
      workgroupBarrier();
      let depth = min(DEPTH, blockEnd - k);
      for (var i = 0u; i < depth; i += 4u) {
        s = addProducts(s, i, row, column);
      }
      workgroupBarrier();
    }
    total = addSums(total, s);
  }
  let place = first + vec2u(row, column);
  let firstOut = sizes.outOffset + matrix * sizes.m * sizes.n;
  storeRow(firstOut, place + vec2u(0u, 0u), total.a0, total.b0);
  storeRow(firstOut, place + vec2u(1u, 0u), total.a1, total.b1);
  storeRow(firstOut, place + vec2u(2u, 0u), total.a2, total.b2);
  storeRow(firstOut, place + vec2u(3u, 0u), total.a3, total.b3);
  storeRow(firstOut, place + vec2u(4u, 0u), total.a4, total.b4);
  storeRow(firstOut, place + vec2u(5u, 0u), total.a5, total.b5);
  storeRow(firstOut, place + vec2u(6u, 0u), total.a6, total.b6);
  storeRow(firstOut, place + vec2u(7u, 0u), total.a7, total.b7);
}
