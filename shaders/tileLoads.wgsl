// How the tile of matmulTile.wgsl gets the values of the left matrix: each invocation loads all of its rows'.

#import matmulTile

// Neighbouring invocations that must have the same rows.
const LANES = 1u;

// Distances of four values from the first of their row, and which of them are inside the sum.
struct LeftPlaces {
  offsets: vec4u,
  inside: vec4<bool>,
}

fn leftPlaces(k: u32, end: u32, tile: Tile) -> LeftPlaces {
  let ks = vec4u(k) + vec4u(0u, 1u, 2u, 3u);
  let at = min(ks, vec4u(end - 1u));
  let m = tile.matrix;
  let columns = vec4u(leftColumn(at.x, m), leftColumn(at.y, m), leftColumn(at.z, m), leftColumn(at.w, m));
  return LeftPlaces(columns * tile.leftColumn, ks < vec4u(end));
}

fn fourLeft(row: u32, places: LeftPlaces) -> vec4f {
  let at = vec4u(row) + places.offsets;
  let four = vec4f(leftValue(at.x), leftValue(at.y), leftValue(at.z), leftValue(at.w));
  return select(vec4f(), four, places.inside);
}
