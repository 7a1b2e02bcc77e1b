// The order in which an epoch visits the rows of the data set. Twin: permute in src/random.ts.

override SHUFFLES: bool = true; // false: rows come as they lie in the data set

// Finaliser of MurmurHash3 (Appleby, public domain).
fn mix(x: u32) -> u32 {
  var h = x;
  h = (h ^ (h >> 16u)) * 0x85ebca6bu;
  h = (h ^ (h >> 13u)) * 0xc2b2ae35u;
  return h ^ (h >> 16u);
}

// Feistel network over the smallest power of two ≥ count, walked along its cycle until the value lies below count.
// A cycle leaves [0, count) for at most 2^bits − count values in a row, which bounds the walk.
fn permute(index: u32, count: u32, key: vec2u) -> u32 {
  let bits = 32u - countLeadingZeros(count - 1u);
  let lowBits = bits - (bits >> 1u);
  let highMask = (1u << (bits >> 1u)) - 1u;
  let lowMask = (1u << lowBits) - 1u;
  let outside = highMask * (lowMask + 1u) + lowMask + 1u - count;
  var x = index;
  for (var walk = 0u; walk <= outside; walk++) {
    var high = x >> lowBits;
    var low = x & lowMask;
    for (var round = 0u; round < 3u; round++) {
      high ^= mix(low + key.x + round * 0x9e3779b9u) & highMask;
      low ^= mix(high + key.y + round * 0x7f4a7c15u) & lowMask;
    }
    x = (high << lowBits) | low;
    if (x < count) {
      break;
    }
  }
  return x;
}

// Row of the data set at a position of the epoch's order.
fn rowAt(position: u32, rowCount: u32, key: vec2u) -> u32 {
  if (!SHUFFLES) {
    return position;
  }
  return permute(position, rowCount, key);
}
