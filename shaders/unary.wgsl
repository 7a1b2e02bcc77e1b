// out = compute(a), one invocation per four values. `compute` is written from src/math/elementwise.ts. CPU reference: src/backend/cpu/unary.ts.

#import grid
#expects alias ElementA
#expects alias ElementOut
#expects fn compute(x: f32, exponent: f32) -> f32

struct Unary {
  first: u32,      // four values of out that invocation 0 computes
  end: u32,
  aOffset: u32,
  outOffset: u32,
  count: u32,
  exponent: f32,   // of power
}

@group(0) @binding(0) var<uniform> sizes: Unary;
@group(0) @binding(1) var<storage, read> a: array<ElementA>;
@group(0) @binding(2) var<storage, read_write> out: array<ElementOut>;

@compute @workgroup_size(64)
fn unary(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = sizes.first + linearIndex(id, groups, 64u);
  if (index >= sizes.end) {
    return;
  }
  let last = min(4u * index + 4u, sizes.count);
  for (var at = 4u * index; at < last; at++) {
    out[sizes.outOffset + at] = ElementOut(compute(f32(a[sizes.aOffset + at]), sizes.exponent));
  }
}
