// Products of matrices: out = left · right, for one matrix or many. An operation (forward, backwardInputs, backwardWeights, matmul) says
// where the values lie and what is done with each sum; a variant (plainMatmul, tiledMatmul, workgroupMatmul) says which invocation
// computes what. All variants add four products to each other, those to the sum of a block, and the blocks in order: a sum is rounded a
// quarter as often, and every variant gives the same bits.

// Whether out has one row more than productSize says, the sum of each column of the right matrix.
#expects const COLUMN_SUMS: bool
// Whether sums have something added, and what to those of four columns: the bias.
#expects const HAS_BIAS: bool
#expects fn biasOf(product: Product, columns: vec4u) -> vec4f
// The first invocation of the dispatch, where several dispatches compute one result.
#expects fn firstInvocation() -> u32
// Rows and columns of out.
#expects fn productSize() -> vec2u
// The product of an invocation, where so many take one.
#expects fn productAt(invocation: u32, count: u32, z: u32) -> Product
// Rows and columns of the left matrix as they lie in memory. isFirst: of the invocations that take this row, the first.
#expects fn leftRow(row: u32, matrix: u32, isFirst: bool) -> u32
#expects fn leftColumn(k: u32, matrix: u32) -> u32
// Places of columns of the right matrix from its first value.
#expects fn rightColumns(columns: vec4u, right: Matrix) -> vec4u
#expects fn leftValue(at: u32) -> f32
#expects fn rightValue(at: u32) -> f32
#expects fn storeValue(at: u32, sum: f32)

struct Matrix {
  first: u32,   // place of the first value
  row: u32,     // distance of two rows
  column: u32,  // … of two columns
}

// The k of the sums.
struct Blocks {
  start: u32,
  end: u32,
  length: u32,  // of a block
  stride: u32,  // from one to the next
}

struct Product {
  isInside: bool,  // false: there is nothing to compute
  matrix: u32,
  left: Matrix,
  right: Matrix,
  out: Matrix,
  sum: Blocks,
}

fn firstOfRow(product: Product, row: u32, isFirst: bool) -> u32 {
  return product.left.first + leftRow(row, product.matrix, isFirst) * product.left.row;
}

fn firstOfColumns(product: Product, columns: vec4u) -> vec4u {
  return rightColumns(columns, product.right) + product.right.first;
}

fn rightValues(at: vec4u) -> vec4f {
  return vec4f(rightValue(at.x), rightValue(at.y), rightValue(at.z), rightValue(at.w));
}
