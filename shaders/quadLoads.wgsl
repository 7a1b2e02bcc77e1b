// How the tile of matmulTile.wgsl gets the values of the left matrix where invocations can exchange values: the four of a
// quad share their rows, each loads every fourth value, and the others take it: a quarter of the loads (1.3 to 1.6 times
// faster on SwiftShader). Four neighbours in a dispatch are a quad; all or none of them come here.

#import matmulTile

enable subgroups;
// All of a quad branch together, which no compiler sees.
diagnostic(off, subgroup_uniformity);

// Neighbouring invocations that must have the same rows.
const LANES = 4u;

// Distance of the invocation's own value from the first of its row, and whether it is inside the sum.
struct LeftPlaces {
  offset: u32,
  inside: bool,
}

fn leftPlaces(k: u32, end: u32, tile: Tile) -> LeftPlaces {
  let own = k + tile.lane;
  return LeftPlaces(leftColumn(min(own, end - 1u), tile.matrix) * tile.leftColumn, own < end);
}

fn fourLeft(row: u32, places: LeftPlaces) -> vec4f {
  let own = select(0.0, leftValue(row + places.offset), places.inside);
  return vec4f(quadBroadcast(own, 0u), quadBroadcast(own, 1u), quadBroadcast(own, 2u), quadBroadcast(own, 3u));
}
