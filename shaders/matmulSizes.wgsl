// Sizes of a product of matrices, and where they lie: src/backend/webgpu/tensor/matmul.ts writes them.

#import strides

struct Matmul {
  first: u32,       // index of invocation 0, and end of those of the dispatch
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
  matrices: u32,    // of the batch
  slice: u32,       // products of a sum: where it is less than k, out is [splits, matrices, m, n] and is to be summed
  batch: PerAxis,
  aBatch: PerAxis,  // strides, 0 where a matrix is repeated
  bBatch: PerAxis,
}

@group(0) @binding(0) var<uniform> sizes: Matmul;

// Places of the first values of a and of b for a matrix of out.
fn firstOf(matrix: u32) -> vec2u {
  var at = vec2u(sizes.aOffset, sizes.bOffset);
  var rest = matrix;
  for (var axis = sizes.batchRank; axis > 0u; axis--) {
    let size = ofAxis(sizes.batch, axis - 1u);
    at += (rest % size) * vec2u(ofAxis(sizes.aBatch, axis - 1u), ofAxis(sizes.bBatch, axis - 1u));
    rest /= size;
  }
  return at;
}
