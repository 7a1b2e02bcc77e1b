// The gradient by a parameter: the sum of its splits [splits, members, parameterCount + 1] in order.

#import hyper
#expects var hyper: Hyper
#expects fn gradientAt(at: u32) -> f32

fn gradientOf(entry: u32, member: u32) -> f32 {
  let stride = hyper.members * (hyper.parameterCount + 1u);
  var gradient = 0.0;
  var at = member * (hyper.parameterCount + 1u) + entry;
  for (var split = 0u; split < hyper.splits; split++) {
    gradient += gradientAt(at);
    at += stride;
  }
  return gradient;
}
