// out = op(a) · op(b) for every matrix of a batch, one invocation per value; op is a transpose or nothing, which only
// exchanges two strides. Products are added as in productTile.wgsl, four to each other, then to the sum of a block of 512, then the
// blocks: every version of the product gives the same bits. Sizes in matmulSizes.wgsl. Twin: src/cpu/matmul.ts.

#import matmulSizes
#expects alias ElementA
#expects alias ElementB
#expects alias ElementOut

const BLOCK = 512u;

@group(0) @binding(1) var<storage, read> a: array<ElementA>;
@group(0) @binding(2) var<storage, read> b: array<ElementB>;
@group(0) @binding(3) var<storage, read_write> out: array<ElementOut>;

// The sum of four products over k. Past the end the left values are 0, and the right ones repeat the last.
fn fourProducts(first: vec2u, k: u32, end: u32) -> f32 {
  let ks = vec4u(k) + vec4u(0u, 1u, 2u, 3u);
  let at = min(ks, vec4u(end - 1u));
  let aAt = vec4u(first.x) + at * sizes.aColumn;
  let bAt = vec4u(first.y) + at * sizes.bRow;
  let loaded = vec4f(f32(a[aAt.x]), f32(a[aAt.y]), f32(a[aAt.z]), f32(a[aAt.w]));
  let left = select(vec4f(), loaded, ks < vec4u(end));
  let right = vec4f(f32(b[bAt.x]), f32(b[bAt.y]), f32(b[bAt.z]), f32(b[bAt.w]));
  return fma(left.w, right.w, fma(left.z, right.z, fma(left.y, right.y, left.x * right.x)));
}

@compute @workgroup_size(64)
fn matmul(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = sizes.first + linearIndex(id, groups, 64u);
  if (index >= sizes.end) {
    return;
  }
  let column = index % sizes.n;
  let row = (index / sizes.n) % sizes.m;
  let matrix = index / (sizes.n * sizes.m);
  let first = firstOf(matrix % sizes.matrices) + vec2u(row * sizes.aRow, column * sizes.bColumn);
  let start = matrix / sizes.matrices * sizes.slice;
  let end = min(start + sizes.slice, sizes.k);
  var sum = 0.0;
  for (var block = start; block < end; block += BLOCK) {
    let blockEnd = min(block + BLOCK, end);
    var partial = 0.0;
    for (var k = block; k < blockEnd; k += 4u) {
      partial += fourProducts(first, k, blockEnd);
    }
    sum += partial;
  }
  out[sizes.outOffset + index] = ElementOut(sum);
}
