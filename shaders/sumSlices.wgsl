// out = the sum over the slices of a product (matmulSizes.wgsl), in order, one invocation per value.
//   partials [splits, values]
//   out      [values]

#import grid
#expects alias ElementOut

struct Slices {
  first: u32,      // value that invocation 0 computes
  end: u32,
  values: u32,
  splits: u32,
  outOffset: u32,
}

@group(0) @binding(0) var<uniform> slices: Slices;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<ElementOut>;

@compute @workgroup_size(64)
fn sumSlices(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = slices.first + linearIndex(id, groups, 64u);
  if (index >= slices.end) {
    return;
  }
  var sum = 0.0;
  for (var split = 0u; split < slices.splits; split++) {
    sum += partials[split * slices.values + index];
  }
  out[slices.outOffset + index] = ElementOut(sum);
}
