// A product with tiles in workgroup memory: 64 invocations share a tile of 64 × 64 values, each computes 8 × 8 of them, and every value
// of both matrices is loaded once for 64 products. It needs barriers, which cost a software adapter more than the loads that they save;
// on hardware tuning may find it the fastest. Without column sums.

#import addFour
#import matmulHooks

const TILE = 64u;
const DEPTH = 16u;  // products between two barriers
const PITCH = 65u;  // of a row of a tile: neighbours that store along k meet different banks

// Whether neighbouring values lie along k; else along rows of the left matrix, or columns of the right one. Neighbours load neighbours.
override LEFT_ALONG_K: bool = true;
override RIGHT_ALONG_K: bool = false;

var<workgroup> left: array<f32, DEPTH * PITCH>;   // [DEPTH, rows]
var<workgroup> right: array<f32, DEPTH * PITCH>;  // [DEPTH, columns]

// Sums of a row: of its first four columns, and of those 32 further on.
struct RowSums {
  a: vec4f,
  b: vec4f,
}

struct TileSums {
  r0: RowSums, r1: RowSums, r2: RowSums, r3: RowSums, r4: RowSums, r5: RowSums, r6: RowSums, r7: RowSums,
}

// The i-th value that an invocation loads of a tile: its place along k, and its row or column.
fn placeOf(i: u32, lane: u32, isAlongK: bool) -> vec2u {
  if (isAlongK) {
    return vec2u(lane % DEPTH, i * (64u / DEPTH) + lane / DEPTH);
  }
  return vec2u(i, lane);
}

// Past the end the left values are 0, and the right ones repeat the last; rows and columns past the edge repeat the last one.
fn loadTiles(product: Product, first: vec2u, k: u32, end: u32, lane: u32) {
  let edge = productSize() - vec2u(1u);
  for (var i = 0u; i < DEPTH; i++) {
    let ofLeft = placeOf(i, lane, LEFT_ALONG_K);
    let row = firstOfRow(product, min(first.x + ofLeft.y, edge.x), false);
    let value = leftValue(row + leftColumn(min(k + ofLeft.x, end - 1u), product.matrix) * product.left.column);
    left[ofLeft.x * PITCH + ofLeft.y] = select(0.0, value, k + ofLeft.x < end);
    let ofRight = placeOf(i, lane, RIGHT_ALONG_K);
    let column = firstOfColumns(product, vec4u(min(first.y + ofRight.y, edge.y))).x;
    right[ofRight.x * PITCH + ofRight.y] = rightValue(column + min(k + ofRight.x, end - 1u) * product.right.row);
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

fn addToRow(sums: RowSums, left: vec4f, a: mat4x4f, b: mat4x4f) -> RowSums {
  return RowSums(addFour(sums.a, left, a), addFour(sums.b, left, b));
}

// Adds the four products that begin at depth k of the tiles. row, column: the invocation's first.
fn addProducts(s: TileSums, k: u32, row: u32, column: u32) -> TileSums {
  let a = rightBlock(k * PITCH + column);
  let b = rightBlock(k * PITCH + column + 32u);
  let at = k * PITCH + row;
  return TileSums(
    addToRow(s.r0, fourLeft(at), a, b),
    addToRow(s.r1, fourLeft(at + 1u), a, b),
    addToRow(s.r2, fourLeft(at + 2u), a, b),
    addToRow(s.r3, fourLeft(at + 3u), a, b),
    addToRow(s.r4, fourLeft(at + 4u), a, b),
    addToRow(s.r5, fourLeft(at + 5u), a, b),
    addToRow(s.r6, fourLeft(at + 6u), a, b),
    addToRow(s.r7, fourLeft(at + 7u), a, b),
  );
}

fn addRows(s: RowSums, t: RowSums) -> RowSums {
  return RowSums(s.a + t.a, s.b + t.b);
}

fn addSums(s: TileSums, t: TileSums) -> TileSums {
  return TileSums(
    addRows(s.r0, t.r0), addRows(s.r1, t.r1), addRows(s.r2, t.r2), addRows(s.r3, t.r3),
    addRows(s.r4, t.r4), addRows(s.r5, t.r5), addRows(s.r6, t.r6), addRows(s.r7, t.r7),
  );
}

fn storeFour(product: Product, row: u32, column: u32, sums: vec4f) {
  let size = productSize();
  for (var j = 0u; row < size.x && j < 4u && column + j < size.y; j++) {
    storeValue(product.out.first + row * product.out.row + column + j, sums[j]);
  }
}

@compute @workgroup_size(64)
fn workgroupMatmul(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let size = productSize();
  let tiles = (size + vec2u(TILE - 1u)) / TILE;
  // a workgroup per tile: all of it comes here or none, as barriers want it
  let index = firstInvocation() / 64u + group.y * groups.x + group.x;
  let product = productAt(index * 64u, tiles.x * tiles.y * 64u, group.z);
  if (!product.isInside) {
    return;
  }
  let first = vec2u(index / tiles.y % tiles.x, index % tiles.y) * TILE;
  let row = lane / 8u * 8u;
  let column = lane % 8u * 4u;
  var total: TileSums;
  for (var block = product.sum.start; block < product.sum.end; block += product.sum.stride) {
    let end = min(block + product.sum.length, product.sum.end);
    var s = TileSums(); // spelt out: without it the sums of the block before were found here (Dawn on SwiftShader, 2026)
    for (var k = block; k < end; k += DEPTH) {
      loadTiles(product, first, k, end, lane);
      workgroupBarrier();
      let depth = min(DEPTH, end - k);
      for (var i = 0u; i < depth; i += 4u) {
        s = addProducts(s, i, row, column);
      }
      workgroupBarrier();
    }
    total = addSums(total, s);
  }
  var rows = array<RowSums, 8>(total.r0, total.r1, total.r2, total.r3, total.r4, total.r5, total.r6, total.r7);
  for (var i = 0u; i < 8u; i++) {
    storeFour(product, first.x + row + i, first.y + column, rows[i].a);
    storeFour(product, first.x + row + i, first.y + column + 32u, rows[i].b);
  }
}
