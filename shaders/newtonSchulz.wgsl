// A product of an iteration of Newton and Schulz, X ← (aI + bA + cA²) X: A = XXᵀ, then aI + bA + cA², then the next X. Small matrices:
// orthogonalise.wgsl. CPU reference: src/backend/cpu/orthogonalise.ts.

#import step
#import matmulHooks

struct NewtonSchulz {
  members: u32,
  rows: u32,
  columns: u32,
  depth: u32,        // products of a sum
  leftFirst: u32,    // of the first member; then distances of members, rows and columns
  leftMember: u32,
  leftRow: u32,
  leftColumn: u32,
  rightFirst: u32,
  rightMember: u32,
  rightRow: u32,
  rightColumn: u32,
  outFirst: u32,
  outMember: u32,
  a: f32,
  b: f32,
  c: f32,
}

// Whether aI + bA + cA² is computed: left, right and out then lie in the same way.
override IS_POLYNOMIAL: bool = false;

const COLUMN_SUMS = false;
const HAS_BIAS = false;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> sizes: NewtonSchulz;
@group(0) @binding(2) var<storage, read> left: array<f32>;
@group(0) @binding(3) var<storage, read> right: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
@group(0) @binding(5) var<storage, read> rightFours: array<vec4f>; // right once more

fn leftValue(at: u32) -> f32 { return left[at]; }
fn rightValue(at: u32) -> f32 { return right[at]; }
fn rightFour(at: u32) -> vec4f { return rightFours[at / 4u]; }

fn firstInvocation() -> u32 { return 0u; }
fn productSize() -> vec2u { return vec2u(sizes.rows, sizes.columns); }

fn productAt(invocation: u32, count: u32, z: u32) -> Product {
  let member = step.firstMember + z;
  return Product(
    invocation < count && member < sizes.members,
    member,
    Matrix(sizes.leftFirst + member * sizes.leftMember, sizes.leftRow, sizes.leftColumn),
    Matrix(sizes.rightFirst + member * sizes.rightMember, sizes.rightRow, sizes.rightColumn),
    Matrix(sizes.outFirst + member * sizes.outMember, sizes.columns, 1u),
    Blocks(0u, sizes.depth, sizes.depth, sizes.depth),
  );
}

fn leftRow(row: u32, matrix: u32, isFirst: bool) -> u32 { return row; }
fn leftColumn(k: u32, matrix: u32) -> u32 { return k; }
fn rightColumns(columns: vec4u, right: Matrix) -> vec4u { return columns * right.column; }
fn biasOf(product: Product, columns: vec4u) -> vec4f { return vec4f(); }

fn storeValue(at: u32, sum: f32) {
  if (!IS_POLYNOMIAL) {
    out[at] = sum;
    return;
  }
  let place = (at - sizes.outFirst) % sizes.outMember;
  let one = select(0.0, sizes.a, place % (sizes.columns + 1u) == 0u);
  out[at] = fma(sizes.c, sum, fma(sizes.b, left[at], one));
}
