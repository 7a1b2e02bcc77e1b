// Index of an invocation in a grid whose x dimension overflows into y: gridOf of src/backend/webgpu/kernel.ts makes such grids.
fn linearIndex(id: vec3u, groups: vec3u, groupSize: u32) -> u32 {
  return id.y * groups.x * groupSize + id.x;
}
