// For loss.wgsl: as lossElementwise.wgsl, where the targets have one more column, the weight of the row.

#import step
#expects var step: Step
#expects var layer: Layer
#expects var outputs: array<f32, 1>
#expects var targets: array<f32, 1>
#expects var dOutputs: array<f32, 1>
#expects fn elementLoss(y: f32, t: f32) -> vec2f
#expects fn slopeProduct(d: f32, saved: f32) -> f32

fn sampleLoss(firstOutput: u32, firstSaved: u32, firstTarget: u32, firstGradient: u32) -> f32 {
  let first = firstTarget + firstTarget / layer.fanOut; // a column more for each row before
  let weight = targets[first + layer.fanOut];
  let scale = step.lossScale * weight;
  var total = 0.0;
  for (var column = 0u; column < layer.fanOut; column++) {
    let element = elementLoss(outputs[firstOutput + column], targets[first + column]);
    total += element.x;
    dOutputs[firstGradient + column] = slopeProduct(scale * element.y, outputs[firstSaved + column]);
  }
  return weight * total;
}
