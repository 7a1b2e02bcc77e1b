// Functions for trainGroups.wgsl where gradients are clipped by norm: they are written out to be measured, once more in a smaller
// unit where their squares overflow, and to be applied.

#import tileGradients
#import clipScale
#import optimizer
#expects const OWNERS: u32
#expects fn scaleOf(squares: f32, unit: f32) -> f32
#expects fn updateBlock(layer: Dense, row: u32, column: u32, gradient: vec4f)

var<private> isMeasured: bool;
var<private> gradientUnit: f32;
var<private> ownSquares: f32;
var<workgroup> squareParts: array<f32, OWNERS>;
var<workgroup> squareSum: f32;

fn takeGradients(layer: Dense, row: u32, column: u32, gradient: vec4f) {
  if (isMeasured) {
    updateBlock(layer, row, column, gradient);
    return;
  }
  let inside = vec4u(0u, 1u, 2u, 3u) < vec4u(layer.fanOut - 4u * column);
  let own = select(vec4f(), gradientUnit * gradient, inside);
  ownSquares += dot(own, own);
}

fn applyGradients(thread: u32) {
  var goal = 0u; // 1: in the smaller unit, 2: applied
  gradientUnit = 1.0;
  isMeasured = false;
  for (var turn = 0u; turn < 3u; turn++) {
    ownSquares = 0.0;
    handOutSums(thread); // from one place only: compilers write it out at each
    if (goal == 2u) {
      break;
    }
    if (thread < OWNERS) {
      squareParts[thread] = ownSquares;
    }
    workgroupBarrier();
    if (thread == 0u) {
      var sum = 0.0;
      for (var owner = 0u; owner < OWNERS; owner++) {
        sum += squareParts[owner];
      }
      squareSum = sum;
    }
    let squares = workgroupUniformLoad(&squareSum);
    goal = select(1u, 2u, goal == 1u || isFinite(squares));
    isMeasured = goal == 2u;
    clipScale = scaleOf(squares, gradientUnit);
    gradientUnit = SMALL_UNIT;
  }
}
