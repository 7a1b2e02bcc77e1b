// Key of a member's masks: that of its order of rows, whose stream is 1, with the stream of dropout, 6. CPU reference: src/backend/cpu/dropout.ts.

#import step
#import shuffle
#expects var settings: array<MemberSettings, 1>

fn dropoutKey(member: u32) -> vec2u {
  let seed = settings[member].orderSeed;
  return vec2u(seed.x, seed.y ^ 7u);
}
