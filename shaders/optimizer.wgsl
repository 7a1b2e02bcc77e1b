// The step that an optimizer takes with one parameter, and the watch over values that are not finite. Definitions as
// torch.optim's. Twin: src/cpu/update.ts. The kernel sets `rates`; secondMoment is
// where a parameter's second moment lies.

#import step
#expects var step: Step
#expects var moments: array<f32, 2>
#expects var hyper: Hyper
#expects fn secondMoment(at: u32) -> u32

override OPTIMIZER: u32 = 0u;       // place in optimizerNames of src/optimizer.ts; the default is sgd
override USES_MOMENTUM: bool = false;
override NESTEROV: bool = false;

struct Hyper {
  replicas: u32,
  parameterCount: u32,
  slots: u32,
  beta1: f32,
  oneMinusBeta1: f32,
  beta2: f32,
  oneMinusBeta2: f32,
  alpha: f32,
  oneMinusAlpha: f32,
  epsilon: f32,
}

// By the bits: a comparison may be compiled as if no value could be infinite or NaN.
fn isFinite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

// Settings of the replica that is updated.
var<private> rates: ReplicaSettings;

// False once this invocation has met a value that is not finite.
var<private> allFinite = true;

fn watch(x: f32) {
  allFinite = allFinite & isFinite(x); // no branch: thirty in a row take a compiler for ever
}

// Rows of `status` [3, replicas]: first step that was not finite, bits of the least loss, step of the least loss.
const NO_STEP = 0xffffffffu;

// The loss of a replica that has stopped. The bits are not known before the kernel runs: a constant NaN would be an error.
fn stoppedLoss() -> f32 {
  return bitcast<f32>(0x7fc00000u | (step.index & 1u));
}

fn sgd(parameter: f32, gradient: f32, at: u32) -> f32 {
  let decayed = fma(rates.weightDecay, parameter, gradient);
  if (!USES_MOMENTUM) {
    return fma(-rates.learningRate, decayed, parameter);
  }
  let momentum = fma(rates.momentum, moments[at], decayed);
  moments[at] = momentum;
  var direction = momentum;
  if (NESTEROV) {
    direction = fma(rates.momentum, momentum, decayed);
  }
  return fma(-rates.learningRate, direction, parameter);
}

// decoupled: adamW, whose decay shrinks the parameter instead of joining the gradient.
fn adam(parameter: f32, gradient: f32, at: u32, decoupled: bool) -> f32 {
  let second = secondMoment(at);
  var decayed = fma(rates.weightDecay, parameter, gradient);
  var start = parameter;
  if (decoupled) {
    decayed = gradient;
    start = fma(-rates.learningRate * rates.weightDecay, parameter, parameter);
  }
  let mean = fma(hyper.beta1, moments[at], hyper.oneMinusBeta1 * decayed);
  let square = fma(hyper.beta2, moments[second], hyper.oneMinusBeta2 * decayed * decayed);
  moments[at] = mean;
  moments[second] = square;
  watch(square); // the square of a large gradient: it would stop the parameter for ever
  return start - rates.learningRate * step.meanCorrection * mean / fma(sqrt(square), step.inverseSqrtCorrection, hyper.epsilon);
}

fn rmsProp(parameter: f32, gradient: f32, at: u32) -> f32 {
  let decayed = fma(rates.weightDecay, parameter, gradient);
  let square = fma(hyper.alpha, moments[at], hyper.oneMinusAlpha * decayed * decayed);
  moments[at] = square;
  watch(square);
  var direction = decayed / (sqrt(square) + hyper.epsilon);
  if (USES_MOMENTUM) {
    let second = secondMoment(at);
    direction = fma(rates.momentum, moments[second], direction);
    moments[second] = direction;
  }
  return fma(-rates.learningRate, direction, parameter);
}

fn unchecked(parameter: f32, gradient: f32, at: u32) -> f32 {
  switch (OPTIMIZER) {
    case 1u: { return adam(parameter, gradient, at, false); }
    case 2u: { return adam(parameter, gradient, at, true); }
    case 3u: { return rmsProp(parameter, gradient, at); }
    default: { return sgd(parameter, gradient, at); }
  }
}

// The updated parameter. One that would not be finite is not taken: what a stopped replica leaves can be read and saved. A
// gradient that is not finite makes no finite parameter.
fn optimize(parameter: f32, gradient: f32, at: u32) -> f32 {
  let value = unchecked(parameter, gradient, at);
  let finite = isFinite(value);
  allFinite = allFinite & finite;
  return select(parameter, value, finite);
}
