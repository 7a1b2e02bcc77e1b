// Where sums of squares of blocks of matrices lie, behind [members, parameterCount] values: [members, blocks, 2] in units of 1, and of
// SMALL_UNIT, which do not overflow.

#import clipScale
#import hyper
#expects var hyper: Hyper

fn squaresPlace(member: u32, block: u32, blockCount: u32) -> u32 {
  return hyper.members * hyper.parameterCount + 2u * (member * blockCount + block);
}
