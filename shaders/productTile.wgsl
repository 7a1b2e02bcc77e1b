// A register tile of 16 rows × 8 columns (4 where WIDE is false) per invocation: every value of the left matrix that it loads
// is used for all its columns, every value of the right one for all its rows. No workgroup memory, no barriers; the sums have
// names, since arrays of them would be kept in memory by some compilers (2.9 times slower on SwiftShader). Four products are
// added to each other before they are added to a sum: it is rounded a quarter as often, and loaded and stored a quarter as often.
// Twin of the loops in forward.wgsl, in the same order.
//
// The kernel says where values lie: leftValue and rightValue load one, rightFour four side by side from a multiple of four;
// leftOffset and rightOffset give the distance of the k-th value from the first of its row or column. tileLoads.wgsl or
// quadLoads.wgsl say how the values of the left matrix get here.

#import addFour
#expects fn leftValue(at: u32) -> f32
#expects fn rightValue(at: u32) -> f32
#expects fn rightFour(at: u32) -> vec4f
#expects fn leftOffset(k: u32, replica: u32) -> u32
#expects fn rightOffset(k: u32) -> u32
#expects const LANES: u32
#expects struct LeftPlaces { own: u32 }
#expects fn leftPlaces(k: u32, end: u32, tile: Tile) -> LeftPlaces
#expects fn fourLeft(row: u32, places: LeftPlaces) -> vec4f

const TILE = 16u;

override WIDE: bool = true;
override INTERLEAVES: bool = true;
// Whether a turn of the loop takes eight products, of which all sums have a multiple.
override PAIRS: bool = false;
// Whether four values of the right matrix can be loaded at once: 1 those of a row, 2 those of a column. They begin at a multiple
// of four, and an invocation's columns lie side by side: 1.1 times faster at 512³, 1.2 at 1,024³ on SwiftShader.
override ALIGNED: u32 = 0u;

// Of row i: a_i its first four columns, b_i the other four.
struct TileSums {
  a0: vec4f, b0: vec4f,
  a1: vec4f, b1: vec4f,
  a2: vec4f, b2: vec4f,
  a3: vec4f, b3: vec4f,
  a4: vec4f, b4: vec4f,
  a5: vec4f, b5: vec4f,
  a6: vec4f, b6: vec4f,
  a7: vec4f, b7: vec4f,
  a8: vec4f, b8: vec4f,
  a9: vec4f, b9: vec4f,
  a10: vec4f, b10: vec4f,
  a11: vec4f, b11: vec4f,
  a12: vec4f, b12: vec4f,
  a13: vec4f, b13: vec4f,
  a14: vec4f, b14: vec4f,
  a15: vec4f, b15: vec4f,
}

// Where a tile lies.
struct Tile {
  rows: array<u32, TILE>,  // first value of each row of the left matrix
  columns: vec4u,          // first value of each column of the right one
  wideColumns: vec4u,
  lane: u32,               // place of the invocation among those that share its rows
  replica: u32,
}

fn rightValues(at: vec4u) -> vec4f {
  return vec4f(rightValue(at.x), rightValue(at.y), rightValue(at.z), rightValue(at.w));
}

// Four rows of four columns of the right matrix.
fn rightBlock(columns: vec4u, offsets: vec4u) -> mat4x4f {
  if (ALIGNED == 1u) {
    return mat4x4f(
      rightFour(columns.x + offsets.x),
      rightFour(columns.x + offsets.y),
      rightFour(columns.x + offsets.z),
      rightFour(columns.x + offsets.w),
    );
  }
  if (ALIGNED == 2u) {
    return transpose(mat4x4f(
      rightFour(columns.x + offsets.x),
      rightFour(columns.y + offsets.x),
      rightFour(columns.z + offsets.x),
      rightFour(columns.w + offsets.x),
    ));
  }
  return mat4x4f(
    rightValues(columns + offsets.x),
    rightValues(columns + offsets.y),
    rightValues(columns + offsets.z),
    rightValues(columns + offsets.w),
  );
}

// Adds the four products of every value that begin at k. Past the end the left values are 0, and the right ones repeat the last.
fn addProducts(sums: TileSums, tile: Tile, k: u32, end: u32) -> TileSums {
  var s = sums;
  let ks = min(vec4u(k) + vec4u(0u, 1u, 2u, 3u), vec4u(end - 1u));
  let offsets = vec4u(rightOffset(ks.x), rightOffset(ks.y), rightOffset(ks.z), rightOffset(ks.w));
  let a = rightBlock(tile.columns, offsets);
  var b = mat4x4f();
  if (WIDE) {
    b = rightBlock(tile.wideColumns, offsets);
  }
  let places = leftPlaces(k, end, tile);
  let x0 = fourLeft(tile.rows[0], places);
  s.a0 = addFour(s.a0, x0, a);
  if (WIDE) {
    s.b0 = addFour(s.b0, x0, b);
  }
  let x1 = fourLeft(tile.rows[1], places);
  s.a1 = addFour(s.a1, x1, a);
  if (WIDE) {
    s.b1 = addFour(s.b1, x1, b);
  }
  let x2 = fourLeft(tile.rows[2], places);
  s.a2 = addFour(s.a2, x2, a);
  if (WIDE) {
    s.b2 = addFour(s.b2, x2, b);
  }
  let x3 = fourLeft(tile.rows[3], places);
  s.a3 = addFour(s.a3, x3, a);
  if (WIDE) {
    s.b3 = addFour(s.b3, x3, b);
  }
  let x4 = fourLeft(tile.rows[4], places);
  s.a4 = addFour(s.a4, x4, a);
  if (WIDE) {
    s.b4 = addFour(s.b4, x4, b);
  }
  let x5 = fourLeft(tile.rows[5], places);
  s.a5 = addFour(s.a5, x5, a);
  if (WIDE) {
    s.b5 = addFour(s.b5, x5, b);
  }
  let x6 = fourLeft(tile.rows[6], places);
  s.a6 = addFour(s.a6, x6, a);
  if (WIDE) {
    s.b6 = addFour(s.b6, x6, b);
  }
  let x7 = fourLeft(tile.rows[7], places);
  s.a7 = addFour(s.a7, x7, a);
  if (WIDE) {
    s.b7 = addFour(s.b7, x7, b);
  }
  let x8 = fourLeft(tile.rows[8], places);
  s.a8 = addFour(s.a8, x8, a);
  if (WIDE) {
    s.b8 = addFour(s.b8, x8, b);
  }
  let x9 = fourLeft(tile.rows[9], places);
  s.a9 = addFour(s.a9, x9, a);
  if (WIDE) {
    s.b9 = addFour(s.b9, x9, b);
  }
  let x10 = fourLeft(tile.rows[10], places);
  s.a10 = addFour(s.a10, x10, a);
  if (WIDE) {
    s.b10 = addFour(s.b10, x10, b);
  }
  let x11 = fourLeft(tile.rows[11], places);
  s.a11 = addFour(s.a11, x11, a);
  if (WIDE) {
    s.b11 = addFour(s.b11, x11, b);
  }
  let x12 = fourLeft(tile.rows[12], places);
  s.a12 = addFour(s.a12, x12, a);
  if (WIDE) {
    s.b12 = addFour(s.b12, x12, b);
  }
  let x13 = fourLeft(tile.rows[13], places);
  s.a13 = addFour(s.a13, x13, a);
  if (WIDE) {
    s.b13 = addFour(s.b13, x13, b);
  }
  let x14 = fourLeft(tile.rows[14], places);
  s.a14 = addFour(s.a14, x14, a);
  if (WIDE) {
    s.b14 = addFour(s.b14, x14, b);
  }
  let x15 = fourLeft(tile.rows[15], places);
  s.a15 = addFour(s.a15, x15, a);
  if (WIDE) {
    s.b15 = addFour(s.b15, x15, b);
  }
  return s;
}

// Sums over k from first to before end.
fn tileProduct(tile: Tile, first: u32, end: u32) -> TileSums {
  var s = TileSums();
  for (var k = first; k < end; k += select(4u, 8u, PAIRS)) {
    s = addProducts(s, tile, k, end);
    if (PAIRS) {
      s = addProducts(s, tile, k + 4u, end);
    }
  }
  return s;
}

fn addSums(s: TileSums, t: TileSums) -> TileSums {
  return TileSums(
    s.a0 + t.a0, s.b0 + t.b0,
    s.a1 + t.a1, s.b1 + t.b1,
    s.a2 + t.a2, s.b2 + t.b2,
    s.a3 + t.a3, s.b3 + t.b3,
    s.a4 + t.a4, s.b4 + t.b4,
    s.a5 + t.a5, s.b5 + t.b5,
    s.a6 + t.a6, s.b6 + t.b6,
    s.a7 + t.a7, s.b7 + t.b7,
    s.a8 + t.a8, s.b8 + t.b8,
    s.a9 + t.a9, s.b9 + t.b9,
    s.a10 + t.a10, s.b10 + t.b10,
    s.a11 + t.a11, s.b11 + t.b11,
    s.a12 + t.a12, s.b12 + t.b12,
    s.a13 + t.a13, s.b13 + t.b13,
    s.a14 + t.a14, s.b14 + t.b14,
    s.a15 + t.a15, s.b15 + t.b15,
  );
}

fn addToRows(s: TileSums, a: vec4f, b: vec4f) -> TileSums {
  return TileSums(
    s.a0 + a, s.b0 + b,
    s.a1 + a, s.b1 + b,
    s.a2 + a, s.b2 + b,
    s.a3 + a, s.b3 + b,
    s.a4 + a, s.b4 + b,
    s.a5 + a, s.b5 + b,
    s.a6 + a, s.b6 + b,
    s.a7 + a, s.b7 + b,
    s.a8 + a, s.b8 + b,
    s.a9 + a, s.b9 + b,
    s.a10 + a, s.b10 + b,
    s.a11 + a, s.b11 + b,
    s.a12 + a, s.b12 + b,
    s.a13 + a, s.b13 + b,
    s.a14 + a, s.b14 + b,
    s.a15 + a, s.b15 + b,
  );
}

// Columns j to j + 3 of the tile at a place among those that share their rows. Side by side they are in one line of the cache;
// interleaved, neighbours load and store neighbouring values, which hardware takes together.
fn tileColumns(place: u32, stride: u32, j: u32) -> vec4u {
  let four = vec4u(j) + vec4u(0u, 1u, 2u, 3u);
  return select(place * select(4u, 8u, WIDE) + four, place + stride * four, INTERLEAVES);
}

// Places beside each other in a matrix of so many columns.
fn tileStride(columnCount: u32) -> u32 {
  let width = select(4u, 8u, WIDE) * LANES;
  return (columnCount + width - 1u) / width * LANES;
}
