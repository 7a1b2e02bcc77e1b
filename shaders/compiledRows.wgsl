// Rows of a compiled program: each invocation computes one row of one of several segments, which src/backend/webgpu/tensor/program/emit.ts
// writes. The compared computation is that of the operations one by one: test/compile.test.ts.

#import grid
#expects fn computeRow(index: u32)

struct Range {
  first: u32,  // rows of all segments, one segment behind the other, each from a multiple of 64
  end: u32,
}

@group(0) @binding(0) var<uniform> range: Range;

@compute @workgroup_size(64)
fn compiledRows(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = range.first + linearIndex(id, groups, 64u);
  if (index < range.end) {
    computeRow(index);
  }
}
