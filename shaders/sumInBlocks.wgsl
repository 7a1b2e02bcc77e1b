// How tiledMatmul.wgsl adds up blocks.

#import tiledMatmul

fn tileSums(tile: Tile, blocks: Blocks) -> TileSums {
  var total: TileSums;
  for (var start = blocks.start; start < blocks.end; start += blocks.stride) {
    total = addSums(total, tileProduct(tile, start, min(start + blocks.length, blocks.end)));
  }
  return total;
}
