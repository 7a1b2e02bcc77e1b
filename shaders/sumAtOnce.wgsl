// How tiledMatmul.wgsl adds where sums have one block: a second set of sums and a loop over
// blocks would take time where they are short, and a compiler a third longer.

#import tiledMatmul

fn tileSums(tile: Tile, blocks: Blocks) -> TileSums {
  return tileProduct(tile, blocks.start, blocks.end);
}
