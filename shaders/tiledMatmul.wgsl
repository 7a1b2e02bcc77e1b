// A product with a register tile per invocation (matmulTile.wgsl); with column sums the invocations behind those of a product's tiles
// compute them.

#import grid
#import matmulTile
#expects fn tileSums(tile: Tile, blocks: Blocks) -> TileSums
#expects fn storeTile(to: Destination, s: TileSums)

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

fn storeRow(to: Destination, i: u32, sums: RowSums) {
  if (i >= to.rows) {
    return;
  }
  let row = to.first + i * to.columnCount;
  storeFour(row, to.columns, to.columnCount, sums.a);
  if (WIDE) {
    storeFour(row, to.wideColumns, to.columnCount, sums.b);
  }
}

// Sums of four columns of the right matrix over the blocks.
fn columnSums(product: Product, columns: vec4u) -> vec4f {
  var total = vec4f();
  for (var start = product.sum.start; start < product.sum.end; start += product.sum.stride) {
    let end = min(start + product.sum.length, product.sum.end);
    var sum = vec4f();
    for (var first = start; first < end; first += 4u) {
      var four = vec4f();
      for (var k = first; k < min(first + 4u, end); k++) {
        four += rightValues(columns + k * product.right.row);
      }
      sum += four;
    }
    total += sum;
  }
  return total;
}

@compute @workgroup_size(64)
fn tiledMatmul(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let size = productSize();
  let stride = tileStride(size.y);
  let tileRows = (size.x + TILE - 1u) / TILE;
  let allRows = select(tileRows, tileRows + 1u, COLUMN_SUMS);
  let index = firstInvocation() + linearIndex(id, groups, 64u);
  let product = productAt(index, stride * allRows, id.z);
  if (!product.isInside) {
    return;
  }
  let tileRow = index / stride % allRows;
  let place = index % stride;
  // Rows and columns past the edge repeat the last one and are not stored.
  let edge = vec4u(size.y - 1u);
  let columns = tileColumns(place, stride, 0u);
  let wideColumns = tileColumns(place, stride, 4u);
  let right = firstOfColumns(product, min(columns, edge));
  let wideRight = firstOfColumns(product, min(wideColumns, edge));
  let out = product.out;
  if (COLUMN_SUMS) {
    if (tileRow == tileRows) {
      storeFour(out.first + size.x * out.row, columns, size.y, columnSums(product, right));
      if (WIDE) {
        storeFour(out.first + size.x * out.row, wideColumns, size.y, columnSums(product, wideRight));
      }
      return;
    }
  }
  let firstRow = tileRow * TILE;
  var tile = Tile(array<u32, TILE>(), right, wideRight, index % LANES, product.matrix, product.left.column, product.right.row);
  for (var i = 0u; i < TILE; i++) {
    tile.rows[i] = firstOfRow(product, min(firstRow + i, size.x - 1u), place == 0u);
  }
  var sums = tileSums(tile, product.sum);
  if (HAS_BIAS) {
    sums = addSums(sums, sameRows(RowSums(biasOf(product, min(columns, edge)), biasOf(product, min(wideColumns, edge)))));
  }
  let to = Destination(out.first + firstRow * out.row, out.row, size.x - firstRow, columns, wideColumns);
  storeTile(to, sums);
}
