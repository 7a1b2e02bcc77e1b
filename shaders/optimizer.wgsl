// The step that an optimizer takes with one parameter, and the watch over values that are not finite. The optimizer itself is
// `updated`, written by src/backend/webgpu/emit/emitOptimizer.ts. CPU reference: src/backend/cpu/update.ts.

#import hyper
#import stopped
#expects var step: Step
#expects fn updated(parameter: f32, gradient: f32, at: u32) -> f32

// False once this invocation has met a value that is not finite.
var<private> allFinite = true;

fn watch(x: f32) {
  allFinite = allFinite & isFinite(x); // no branch: compilers take very long for thirty in a row
}

// Rows of `status` [3, members]: first step that was not finite, bits of the least loss, step of the least loss.
const NO_STEP = 0xffffffffu;

// The updated parameter. One that would not be finite is not taken: what a stopped member leaves can be read and saved. A
// gradient that is not finite makes no finite parameter, or `updated` watches what it does make.
fn optimize(parameter: f32, gradient: f32, at: u32) -> f32 {
  let value = updated(parameter, gradient, at);
  let finite = isFinite(value);
  allFinite = allFinite & finite;
  return select(parameter, value, finite);
}
