// One parameter updated by an optimizer with 2 moments. Written by src/backend/webgpu/emit/emitOptimizer.ts.

fn updated(parameter: f32, gradient: f32, at: u32) -> f32 {
  let state0 = moments[at];
  let state1 = moments[stateAt(at, 1u)];
  let v0 = fma(parameter, rates.weightDecay, gradient);
  let v1 = fma(hyper.value0, state0, hyper.value1 * v0);
  let v2 = fma(hyper.value2, state1, v0 * (v0 * hyper.value3));
  moments[at] = v1;
  moments[stateAt(at, 1u)] = v2;
  watch(v2);
  return parameter - (((rates.learningRate * step.value0) * v1) / fma(sqrt(v2), step.value1, hyper.value4));
}
