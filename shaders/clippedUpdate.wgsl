// What update.wgsl and directions.wgsl expect where gradients are clipped by norm: the scale of a member, from the sums of gradientSquares.wgsl.

#import clipScale
#import hyper
#expects var hyper: Hyper
#expects fn scaleOf(squares: f32, unit: f32) -> f32

@group(0) @binding(8) var<storage, read> squares: array<vec2f>;

fn prepareGradients(member: u32) {
  let blocks = arrayLength(&squares) / hyper.members;
  var sums = vec2f();
  for (var block = 0u; block < blocks; block++) {
    sums += squares[member * blocks + block];
  }
  let fits = isFinite(sums.x);
  clipScale = scaleOf(select(sums.y, sums.x, fits), select(SMALL_UNIT, 1.0, fits));
}
