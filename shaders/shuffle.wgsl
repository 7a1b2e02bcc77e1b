// The order in which an epoch visits the rows of the data set. CPU reference: src/random.ts and src/backend/batches.ts.

override SHUFFLES: bool = true;    // false: rows come as they lie in the data set
override OWN_ORDER: bool = false;  // every member has an order of its own
override BOOTSTRAP: bool = false;  // rows are those of a sample drawn with replacement
override HELD_OUT: u32 = 0u;       // rows that every member leaves out

// The first of them; the kernel sets it.
var<private> heldOutFrom: u32;

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

fn rotateLeft(x: u32, bits: u32) -> u32 {
  return (x << bits) | (x >> (32u - bits));
}

// Four rounds of Threefry-2x32 and the keys injected behind them.
fn threefryRounds(state: vec2u, bits: vec4u, injected: vec2u) -> vec2u {
  var x = state;
  for (var round = 0u; round < 4u; round++) {
    x.x += x.y;
    x.y = rotateLeft(x.y, bits[round]) ^ x.x;
  }
  return x + injected;
}

// Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw, SC 2011).
fn threefry(key: vec2u, counter: vec2u) -> vec2u {
  const EVEN = vec4u(13u, 15u, 26u, 6u);
  const ODD = vec4u(17u, 29u, 16u, 24u);
  let third = 0x1bd11bdau ^ key.x ^ key.y;
  var x = threefryRounds(counter + key, EVEN, vec2u(key.y, third + 1u));
  x = threefryRounds(x, ODD, vec2u(third, key.x + 2u));
  x = threefryRounds(x, EVEN, vec2u(key.x, key.y + 3u));
  x = threefryRounds(x, ODD, vec2u(key.y, third + 4u));
  return threefryRounds(x, EVEN, vec2u(third, key.x + 5u));
}

// High word of a · b.
fn multiplyHigh(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let other = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (other >> 16u);
}

// Key of the epoch's permutation: the run's, or the member's own.
fn orderKeyOf(runKey: vec2u, epoch: u32, orderSeed: vec2u) -> vec2u {
  if (!OWN_ORDER) {
    return runKey;
  }
  return threefry(orderSeed, vec2u(epoch, 0u));
}

// Row of the data set at a position of a member's order. The stream of bootstrap samples is 4, that of orders 1.
fn rowOf(position: u32, rowCount: u32, key: vec2u, orderSeed: vec2u) -> u32 {
  var row = rowAt(position, rowCount, key);
  if (BOOTSTRAP) {
    row = multiplyHigh(threefry(vec2u(orderSeed.x, orderSeed.y ^ 5u), vec2u(row, 0u)).x, rowCount);
  }
  if (HELD_OUT == 0u) {
    return row;
  }
  return row + select(0u, HELD_OUT, row >= heldOutFrom);
}
