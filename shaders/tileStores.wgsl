// How the sums of a tile of productTile.wgsl are stored; the kernel's storeValue says what is done with one.

#import productTile
#expects fn storeValue(at: u32, sum: f32)

// Where the sums of a tile go.
struct Destination {
  first: u32,        // place of the first column of the tile's first row
  columnCount: u32,  // of the whole matrix, whose rows follow each other
  rows: u32,         // those that are inside
  columns: vec4u,
  wideColumns: vec4u,
}

// Stores those of four columns that are inside.
fn storeFour(row: u32, columns: vec4u, columnCount: u32, sums: vec4f) {
  if (columns.x < columnCount) {
    storeValue(row + columns.x, sums.x);
  }
  if (columns.y < columnCount) {
    storeValue(row + columns.y, sums.y);
  }
  if (columns.z < columnCount) {
    storeValue(row + columns.z, sums.z);
  }
  if (columns.w < columnCount) {
    storeValue(row + columns.w, sums.w);
  }
}

fn storeRow(to: Destination, i: u32, a: vec4f, b: vec4f) {
  if (i >= to.rows) {
    return;
  }
  let row = to.first + i * to.columnCount;
  storeFour(row, to.columns, to.columnCount, a);
  if (WIDE) {
    storeFour(row, to.wideColumns, to.columnCount, b);
  }
}

// Row by row. The loop keeps the kernel small: what is done with a value stands in it 8 times, not 128 times.
fn storeTile(to: Destination, s: TileSums) {
  var a = array<vec4f, TILE>(
    s.a0, s.a1, s.a2, s.a3, s.a4, s.a5, s.a6, s.a7,
    s.a8, s.a9, s.a10, s.a11, s.a12, s.a13, s.a14, s.a15,
  );
  var b = array<vec4f, TILE>(
    s.b0, s.b1, s.b2, s.b3, s.b4, s.b5, s.b6, s.b7,
    s.b8, s.b9, s.b10, s.b11, s.b12, s.b13, s.b14, s.b15,
  );
  for (var i = 0u; i < TILE; i++) {
    storeRow(to, i, a[i], b[i]);
  }
}

// The same by name: where sums are short, picking rows from an array would take longer than they do.
fn storeNamedTile(to: Destination, s: TileSums) {
  storeRow(to, 0u, s.a0, s.b0);
  storeRow(to, 1u, s.a1, s.b1);
  storeRow(to, 2u, s.a2, s.b2);
  storeRow(to, 3u, s.a3, s.b3);
  storeRow(to, 4u, s.a4, s.b4);
  storeRow(to, 5u, s.a5, s.b5);
  storeRow(to, 6u, s.a6, s.b6);
  storeRow(to, 7u, s.a7, s.b7);
  storeRow(to, 8u, s.a8, s.b8);
  storeRow(to, 9u, s.a9, s.b9);
  storeRow(to, 10u, s.a10, s.b10);
  storeRow(to, 11u, s.a11, s.b11);
  storeRow(to, 12u, s.a12, s.b12);
  storeRow(to, 13u, s.a13, s.b13);
  storeRow(to, 14u, s.a14, s.b14);
  storeRow(to, 15u, s.a15, s.b15);
}
