// matmul with the tile of productTile.wgsl, in blocks of 512 products. Buffers as in matmul.wgsl.

#import matmulSizes
#import tileStores
#expects alias ElementA
#expects alias ElementB
#expects alias ElementOut

const BLOCK = 512u;

override IS_SHORT: bool = false; // no sum is longer than a block
// Whether b lies in panels of 32 columns, each [k, 32]: its rows are 32 apart, and what a tile reads follows each other.
override PANELS: bool = false;
const PANEL = 32u;

@group(0) @binding(1) var<storage, read> a: array<ElementA>;
@group(0) @binding(2) var<storage, read> b: array<ElementB>;
@group(0) @binding(3) var<storage, read_write> out: array<ElementOut>;
@group(0) @binding(4) var<storage, read> bFours: array<vec4<ElementB>>; // b once more

fn leftValue(at: u32) -> f32 {
  return f32(a[at]);
}

fn rightValue(at: u32) -> f32 {
  return f32(b[at]);
}

fn rightFour(at: u32) -> vec4f {
  return vec4f(bFours[at / 4u]);
}

fn leftOffset(k: u32, replica: u32) -> u32 {
  return k * sizes.aColumn;
}

fn rightOffset(k: u32) -> u32 {
  return k * sizes.bRow;
}

// Distances of columns of b from its first value.
fn columnOffsets(columns: vec4u) -> vec4u {
  let inside = min(columns, vec4u(sizes.n - 1u));
  if (PANELS) {
    return inside / PANEL * (PANEL * sizes.k) + inside % PANEL;
  }
  return inside * sizes.bColumn;
}

fn storeValue(at: u32, sum: f32) {
  out[at] = ElementOut(sum);
}

@compute @workgroup_size(64)
fn matmulTiled(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = sizes.first + linearIndex(id, groups, 64u);
  if (index >= sizes.end) {
    return;
  }
  let stride = tileStride(sizes.n);
  let tileRows = (sizes.m + TILE - 1u) / TILE;
  let place = index % stride;
  let firstRow = index / stride % tileRows * TILE;
  let matrix = index / (stride * tileRows);
  let origin = firstOf(matrix % sizes.matrices);
  // Rows and columns past the edge repeat the last one and are not stored.
  let columns = tileColumns(place, stride, 0u);
  let wideColumns = tileColumns(place, stride, 4u);
  let firstValues = columnOffsets(columns) + origin.y;
  let wideValues = columnOffsets(wideColumns) + origin.y;
  var tile = Tile(array<u32, TILE>(), firstValues, wideValues, index % LANES, 0u);
  for (var i = 0u; i < TILE; i++) {
    tile.rows[i] = origin.x + min(firstRow + i, sizes.m - 1u) * sizes.aRow;
  }
  let start = matrix / sizes.matrices * sizes.slice;
  let end = min(start + sizes.slice, sizes.k);
  var total: TileSums;
  if (IS_SHORT) {
    total = tileProduct(tile, start, end);
  } else {
    for (var block = start; block < end; block += BLOCK) {
      total = addSums(total, tileProduct(tile, block, min(block + BLOCK, end)));
    }
  }
  let firstOut = sizes.outOffset + (matrix * sizes.m + firstRow) * sizes.n;
  storeNamedTile(Destination(firstOut, sizes.n, sizes.m - firstRow, columns, wideColumns), total);
}
