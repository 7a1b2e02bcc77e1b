// Makes small matrices orthogonal: a workgroup takes one of a member through all iterations of Newton and Schulz,
// X ← (aI + bA + cA²) X with A = XXᵀ. X is the matrix, or its transpose where that has fewer rows. Larger matrices: newtonSchulz.wgsl. CPU
// reference: src/backend/cpu/orthogonalise.ts.
//   directions [members, parameterCount]  matrices of norm 1
//   orthogonal [members, parameterCount]  what becomes of them after an odd number of iterations; directions after an even one

#import hyper

// Weights of a layer [fanIn, fanOut], of MOST_VALUES at most.
struct SmallMatrix {
  offset: u32,
  fanIn: u32,
  fanOut: u32,
  factor: f32,  // what the orthogonal matrix is multiplied by
}

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<uniform> hyper: Hyper;
@group(0) @binding(2) var<storage, read> matrices: array<SmallMatrix>;
@group(0) @binding(3) var<storage, read_write> directions: array<f32>;
@group(0) @binding(4) var<storage, read_write> orthogonal: array<f32>;

override ITERATIONS: u32 = 5u;
override A: f32 = 1.0;
override B: f32 = 0.0;
override C: f32 = 0.0;

const THREADS = 64u;
const MOST_VALUES = 1024u;

var<workgroup> planes: array<f32, 2048>;  // X, and the next one
var<workgroup> gram: array<f32, MOST_VALUES>;
var<workgroup> polynomial: array<f32, MOST_VALUES>;

// Writes A, of `side` rows: products of rows of X of so many values.
fn writeGram(thread: u32, plane: u32, side: u32, count: u32, row: u32, column: u32) {
  for (var at = thread; at < side * side; at += THREADS) {
    let left = plane + at / side * row;
    let right = plane + at % side * row;
    var sum = 0.0;
    for (var k = 0u; k < count; k++) {
      sum = fma(planes[left + k * column], planes[right + k * column], sum);
    }
    gram[at] = sum;
  }
}

fn writePolynomial(thread: u32, side: u32, factor: f32) {
  for (var at = thread; at < side * side; at += THREADS) {
    let row = at / side;
    let column = at % side;
    var sum = 0.0;
    for (var k = 0u; k < side; k++) {
      sum = fma(gram[row * side + k], gram[k * side + column], sum);
    }
    polynomial[at] = factor * fma(C, sum, fma(B, gram[at], select(0.0, A, row == column)));
  }
}

// Writes the next X, of `side` rows, as it lies in memory: rows and columns of the matrix. The polynomial is symmetric.
fn writeNext(thread: u32, plane: u32, next: u32, own: SmallMatrix, isWide: bool) {
  let side = min(own.fanIn, own.fanOut);
  for (var at = thread; at < own.fanIn * own.fanOut; at += THREADS) {
    let row = at / own.fanOut;
    let column = at % own.fanOut;
    let left = select(column, row, isWide) * side;
    let right = plane + select(row * own.fanOut, column, isWide);
    let distance = select(1u, own.fanOut, isWide);
    var sum = 0.0;
    for (var k = 0u; k < side; k++) {
      sum = fma(polynomial[left + k], planes[right + k * distance], sum);
    }
    planes[next + at] = sum;
  }
}

@compute @workgroup_size(THREADS)
fn orthogonalise(
  @builtin(local_invocation_index) thread: u32,
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
) {
  let index = group.y * groups.x + group.x;
  let member = step.firstMember + group.z;
  if (index >= arrayLength(&matrices) || member >= hyper.members) {
    return;
  }
  let own = matrices[index];
  let size = own.fanIn * own.fanOut;
  let isWide = own.fanIn <= own.fanOut;
  let side = min(own.fanIn, own.fanOut);
  let first = member * hyper.parameterCount + own.offset;
  for (var at = thread; at < size; at += THREADS) {
    planes[at] = directions[first + at];
  }
  workgroupBarrier();
  for (var iteration = 0u; iteration < ITERATIONS; iteration++) {
    let plane = select(0u, MOST_VALUES, iteration % 2u == 1u);
    writeGram(thread, plane, side, size / side, select(1u, own.fanOut, isWide), select(own.fanOut, 1u, isWide));
    workgroupBarrier();
    writePolynomial(thread, side, select(1.0, own.factor, iteration + 1u == ITERATIONS));
    workgroupBarrier();
    writeNext(thread, plane, MOST_VALUES - plane, own, isWide);
    workgroupBarrier();
  }
  let last = select(0u, MOST_VALUES, ITERATIONS % 2u == 1u);
  for (var at = thread; at < size; at += THREADS) {
    if (ITERATIONS % 2u == 1u) {
      orthogonal[first + at] = planes[last + at];
    } else {
      directions[first + at] = planes[last + at];
    }
  }
}
