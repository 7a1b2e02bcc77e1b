// What dropout draws, by seed, step, node, sample and unit. CPU reference: src/backend/dropout.ts, which explains it.

#import shuffle

// Key of a node of a member in a step: from the seed of its order of rows, whose stream is 1, with the stream of dropout, 6.
fn maskKeyOf(orderSeed: vec2u, step: u32, stream: u32) -> vec2u {
  return threefry(vec2u(orderSeed.x, orderSeed.y ^ 7u), vec2u(step, stream));
}

// State of a sample's words.
fn maskState(key: vec2u, sample: u32) -> u32 {
  return mix(key.x + sample * 0x9e3779b9u);
}

fn maskWord(key: vec2u, state: u32, place: u32) -> u32 {
  return mix((state + (place + 1u) * 0x7f4a7c15u) ^ key.y);
}

// 16 random bits of a unit.
fn maskHalf(key: vec2u, state: u32, unit: u32) -> u32 {
  return (maskWord(key, state, unit >> 1u) >> (16u * (unit & 1u))) & 0xffffu;
}

// Uniform in (0, 1), of 23 bits.
fn uniformOf(word: u32) -> f32 {
  return (f32(word >> 9u) + 0.5) * 0x1p-23;
}
