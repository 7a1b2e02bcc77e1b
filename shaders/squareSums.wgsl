// Sums of the squares of values that the threads of a workgroup visit, in units of 1, and of SMALL_UNIT, which do not overflow.

#import clipScale

const THREADS = 64u;

var<workgroup> squareSums: array<vec2f, THREADS>;

fn addSquare(sums: vec2f, value: f32) -> vec2f {
  let both = value * vec2f(1.0, SMALL_UNIT);
  return fma(both, both, sums);
}

// The sums of all threads, in the first one: the others get their own.
fn sumOverThreads(thread: u32, own: vec2f) -> vec2f {
  squareSums[thread] = own;
  workgroupBarrier();
  var sums = own;
  if (thread == 0u) {
    for (var other = 1u; other < THREADS; other++) {
      sums += squareSums[other];
    }
  }
  return sums;
}
