// For loss.wgsl: the sum of a loss of every output by itself. `elementLoss` and `slopeProduct` are written by src/gpu/emitLoss.ts and
// emitActivation.ts.

fn sampleLoss(firstOutput: u32, firstSaved: u32, firstTarget: u32, firstGradient: u32) -> f32 {
  var total = 0.0;
  for (var column = 0u; column < layer.fanOut; column++) {
    let element = elementLoss(outputs[firstOutput + column], targets[firstTarget + column]);
    total += element.x;
    dOutputs[firstGradient + column] = slopeProduct(step.lossScale * element.y, outputs[firstSaved + column]);
  }
  return total;
}
