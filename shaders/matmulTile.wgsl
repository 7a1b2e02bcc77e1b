// A register tile of 16 rows × 8 columns (4 where WIDE is false) per invocation: every value of the left matrix that it loads
// is used for all its columns, every value of the right one for all its rows. No workgroup memory, no barriers; the sums have
// names, since arrays of them would be kept in memory by some compilers (2.9 times slower on SwiftShader). tileLoads.wgsl or
// quadLoads.wgsl say how the values of the left matrix get here.

#import addFour
#import matmulHooks
#expects fn rightFour(at: u32) -> vec4f
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

// Sums of a row: of the first four columns, and of the other four.
struct RowSums {
  a: vec4f,
  b: vec4f,
}

struct TileSums {
  r0: RowSums, r1: RowSums, r2: RowSums, r3: RowSums, r4: RowSums, r5: RowSums, r6: RowSums, r7: RowSums,
  r8: RowSums, r9: RowSums, r10: RowSums, r11: RowSums, r12: RowSums, r13: RowSums, r14: RowSums, r15: RowSums,
}

// Where a tile lies.
struct Tile {
  rows: array<u32, TILE>,  // first value of each row of the left matrix
  columns: vec4u,          // first value of each column of the right one
  wideColumns: vec4u,
  lane: u32,               // place of the invocation among those that share its rows
  matrix: u32,
  leftColumn: u32,         // distance of two columns of the left matrix
  rightRow: u32,           // distance of two rows of the right one
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

fn addToRow(sums: RowSums, left: vec4f, a: mat4x4f, b: mat4x4f) -> RowSums {
  var s = sums;
  s.a = addFour(s.a, left, a);
  if (WIDE) {
    s.b = addFour(s.b, left, b);
  }
  return s;
}

// Adds the four products of every value that begin at k. Past the end the left values are 0, and the right ones repeat the last.
fn addProducts(sums: TileSums, tile: Tile, k: u32, end: u32) -> TileSums {
  var s = sums;
  let offsets = min(vec4u(k) + vec4u(0u, 1u, 2u, 3u), vec4u(end - 1u)) * tile.rightRow;
  let a = rightBlock(tile.columns, offsets);
  var b = mat4x4f();
  if (WIDE) {
    b = rightBlock(tile.wideColumns, offsets);
  }
  let places = leftPlaces(k, end, tile);
  s.r0 = addToRow(s.r0, fourLeft(tile.rows[0], places), a, b);
  s.r1 = addToRow(s.r1, fourLeft(tile.rows[1], places), a, b);
  s.r2 = addToRow(s.r2, fourLeft(tile.rows[2], places), a, b);
  s.r3 = addToRow(s.r3, fourLeft(tile.rows[3], places), a, b);
  s.r4 = addToRow(s.r4, fourLeft(tile.rows[4], places), a, b);
  s.r5 = addToRow(s.r5, fourLeft(tile.rows[5], places), a, b);
  s.r6 = addToRow(s.r6, fourLeft(tile.rows[6], places), a, b);
  s.r7 = addToRow(s.r7, fourLeft(tile.rows[7], places), a, b);
  s.r8 = addToRow(s.r8, fourLeft(tile.rows[8], places), a, b);
  s.r9 = addToRow(s.r9, fourLeft(tile.rows[9], places), a, b);
  s.r10 = addToRow(s.r10, fourLeft(tile.rows[10], places), a, b);
  s.r11 = addToRow(s.r11, fourLeft(tile.rows[11], places), a, b);
  s.r12 = addToRow(s.r12, fourLeft(tile.rows[12], places), a, b);
  s.r13 = addToRow(s.r13, fourLeft(tile.rows[13], places), a, b);
  s.r14 = addToRow(s.r14, fourLeft(tile.rows[14], places), a, b);
  s.r15 = addToRow(s.r15, fourLeft(tile.rows[15], places), a, b);
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

fn addRows(s: RowSums, t: RowSums) -> RowSums {
  return RowSums(s.a + t.a, s.b + t.b);
}

fn addSums(s: TileSums, t: TileSums) -> TileSums {
  return TileSums(
    addRows(s.r0, t.r0), addRows(s.r1, t.r1), addRows(s.r2, t.r2), addRows(s.r3, t.r3),
    addRows(s.r4, t.r4), addRows(s.r5, t.r5), addRows(s.r6, t.r6), addRows(s.r7, t.r7),
    addRows(s.r8, t.r8), addRows(s.r9, t.r9), addRows(s.r10, t.r10), addRows(s.r11, t.r11),
    addRows(s.r12, t.r12), addRows(s.r13, t.r13), addRows(s.r14, t.r14), addRows(s.r15, t.r15),
  );
}

// Sums that are the same in every row.
fn sameRows(r: RowSums) -> TileSums {
  return TileSums(r, r, r, r, r, r, r, r, r, r, r, r, r, r, r, r);
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
