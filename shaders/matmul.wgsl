// out = op(a) · op(b) for every matrix of a batch, one invocation per value; op is a transpose or nothing, which only
// exchanges two strides. Sums are taken in blocks of 128 products, then over the blocks, so that errors do not grow with k.
// Twin: src/cpu/matmul.ts.

const BLOCK = 128u;

struct Matmul {
  first: u32,       // value of out that invocation 0 computes
  end: u32,
  m: u32,
  n: u32,
  k: u32,
  aOffset: u32,
  bOffset: u32,
  outOffset: u32,
  aRow: u32,        // distance of two rows of op(a), and of two of its columns
  aColumn: u32,
  bRow: u32,
  bColumn: u32,
  batchRank: u32,
  batch: PerAxis,
  aBatch: PerAxis,  // strides, 0 where a matrix is repeated
  bBatch: PerAxis,
}

@group(0) @binding(0) var<uniform> sizes: Matmul;
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
  var matrix = index / (sizes.n * sizes.m);
  var aAt = sizes.aOffset + row * sizes.aRow;
  var bAt = sizes.bOffset + column * sizes.bColumn;
  for (var axis = sizes.batchRank; axis > 0u; axis--) {
    let size = ofAxis(sizes.batch, axis - 1u);
    aAt += (matrix % size) * ofAxis(sizes.aBatch, axis - 1u);
    bAt += (matrix % size) * ofAxis(sizes.bBatch, axis - 1u);
    matrix /= size;
  }
  var sum = 0.0;
  for (var block = 0u; block < sizes.k; block += BLOCK) {
    var partial = 0.0;
    for (var i = block; i < min(block + BLOCK, sizes.k); i++) {
      partial = fma(f32(a[aAt + i * sizes.aColumn]), f32(b[bAt + i * sizes.bRow]), partial);
    }
    sum += partial;
  }
  out[sizes.outOffset + index] = ElementOut(sum);
}
