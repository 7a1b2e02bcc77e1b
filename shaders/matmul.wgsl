// out = op(a) · op(b) for every matrix of a batch, one invocation per value; op is a transpose or nothing, which only
// exchanges two strides. Sums are taken in blocks of 128 products, then over the blocks, so that errors do not grow with k.
// Sizes in matmulSizes.wgsl. Twin: src/cpu/matmul.ts.

const BLOCK = 128u;

@group(0) @binding(1) var<storage, read> a: array<ElementA>;
@group(0) @binding(2) var<storage, read> b: array<ElementB>;
@group(0) @binding(3) var<storage, read_write> out: array<ElementOut>;

@compute @workgroup_size(64)
fn matmul(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = sizes.first + linearIndex(id, groups, 64u);
  if (index >= sizes.end) {
    return;
  }
  let column = index % sizes.n;
  let row = (index / sizes.n) % sizes.m;
  let matrix = index / (sizes.n * sizes.m);
  let first = firstOf(matrix % sizes.matrices);
  let aAt = first.x + row * sizes.aRow;
  let bAt = first.y + column * sizes.bColumn;
  let start = matrix / sizes.matrices * sizes.slice;
  let end = min(start + sizes.slice, sizes.k);
  var sum = 0.0;
  for (var block = start; block < end; block += BLOCK) {
    var partial = 0.0;
    for (var i = block; i < min(block + BLOCK, end); i++) {
      partial = fma(f32(a[aAt + i * sizes.aColumn]), f32(b[bAt + i * sizes.bRow]), partial);
    }
    sum += partial;
  }
  out[sizes.outOffset + index] = ElementOut(sum);
}
