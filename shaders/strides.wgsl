// Sizes and strides of up to 8 dimensions, outermost first, in a uniform: src/gpu/strides.ts writes them.

alias PerAxis = array<vec4u, 2>;

fn ofAxis(values: PerAxis, axis: u32) -> u32 {
  return values[axis / 4u][axis % 4u];
}

// Index of an invocation in a grid whose x dimension overflows into y.
fn linearIndex(id: vec3u, groups: vec3u, groupSize: u32) -> u32 {
  return id.y * groups.x * groupSize + id.x;
}
