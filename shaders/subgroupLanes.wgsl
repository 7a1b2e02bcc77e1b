// What trainMembers.wgsl expects where the lanes of a subgroup train a member.

#expects const LANES: u32

enable subgroups;
// All lanes branch together, which no compiler sees.
diagnostic(off, subgroup_uniformity);

// Sum over the subgroup in a fixed order; the same bits in every lane.
fn laneSum(value: f32) -> f32 {
  var sum = value + quadSwapX(value);
  sum += quadSwapY(sum);
  for (var mask = 4u; mask < LANES; mask *= 2u) {
    sum += subgroupShuffleXor(sum, mask);
  }
  return sum;
}
