// out = op(a) · op(b) for every matrix of a batch; op is a transpose or nothing, which only exchanges two strides. Sums are cut into
// blocks of 512 products, and, where out is [splits, matrices, m, n], into slices. CPU reference: src/backend/cpu/matmul.ts.

#import matmulSizes
#import matmulHooks
#expects alias ElementA
#expects alias ElementB
#expects alias ElementOut

const BLOCK = 512u;

// Whether b lies in panels of 32 columns, each [k, 32]: its rows are 32 apart, and what a tile reads follows each other.
override PANELS: bool = false;
const PANEL = 32u;

const COLUMN_SUMS = false;
const HAS_BIAS = false;

@group(0) @binding(1) var<storage, read> a: array<ElementA>;
@group(0) @binding(2) var<storage, read> b: array<ElementB>;
@group(0) @binding(3) var<storage, read_write> out: array<ElementOut>;
@group(0) @binding(4) var<storage, read> bFours: array<vec4<ElementB>>; // b once more

fn leftValue(at: u32) -> f32 { return f32(a[at]); }
fn rightValue(at: u32) -> f32 { return f32(b[at]); }
fn rightFour(at: u32) -> vec4f { return vec4f(bFours[at / 4u]); }

fn firstInvocation() -> u32 { return sizes.first; }
fn productSize() -> vec2u { return vec2u(sizes.m, sizes.n); }

fn productAt(invocation: u32, count: u32, z: u32) -> Product {
  let matrix = invocation / count;
  let first = firstOf(matrix % sizes.matrices);
  let start = matrix / sizes.matrices * sizes.slice;
  return Product(
    invocation < sizes.end,
    matrix,
    Matrix(first.x, sizes.aRow, sizes.aColumn),
    Matrix(first.y, sizes.bRow, sizes.bColumn),
    Matrix(sizes.outOffset + matrix * sizes.m * sizes.n, sizes.n, 1u),
    Blocks(start, min(start + sizes.slice, sizes.k), BLOCK, BLOCK),
  );
}

fn leftRow(row: u32, matrix: u32, isFirst: bool) -> u32 { return row; }
fn leftColumn(k: u32, matrix: u32) -> u32 { return k; }

fn rightColumns(columns: vec4u, right: Matrix) -> vec4u {
  if (PANELS) {
    return columns / PANEL * (PANEL * sizes.k) + columns % PANEL;
  }
  return columns * right.column;
}

fn biasOf(product: Product, columns: vec4u) -> vec4f { return vec4f(); }
