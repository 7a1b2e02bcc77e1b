// Tensors: arrays of numbers on a device, operations on them, and their gradients. Apart from the core, which needs none of it.

export type { DataType, Shape } from "./backend/shape.ts";
export type { MatmulTuning, TunedMatmul, TuningCache } from "./backend/tuning.ts";
export {
  activate,
  activateDerivative,
  elu,
  gelu,
  leakyRelu,
  relu,
  sigmoid,
  silu,
  sine,
  softplus,
  tanh,
} from "./tensor/activations.ts";
export {
  absolute,
  add,
  cast,
  clip,
  divide,
  equal,
  exp,
  greater,
  log,
  maximum,
  minimum,
  multiply,
  negate,
  power,
  sign,
  sqrt,
  square,
  subtract,
  where,
} from "./tensor/arithmetic.ts";
export { checkGradient, checkModelGradient } from "./tensor/checkGradient.ts";
export { compile, type CompileOptions } from "./tensor/compile.ts";
export type { Compiled } from "./tensor/compiled.ts";
export type { Operand } from "./tensor/compute.ts";
export type { CheckedEntry, CheckOptions, GradientCheck } from "./tensor/finiteDifferences.ts";
export { grad, type GradientsBy, valueAndGrad } from "./tensor/grad.ts";
export { broadcastTo, concat, pad, reshape, slice, split, stack, transpose } from "./tensor/layout.ts";
export {
  binaryCrossEntropy,
  huber,
  loss,
  meanAbsoluteError,
  meanSquaredError,
  softmaxCrossEntropy,
  squaredError,
} from "./tensor/losses.ts";
export { matmul, type TransposeOptions } from "./tensor/matmul.ts";
export { type LayerTensors, networkLoss, networkOutputs, networkParameters } from "./tensor/network.ts";
export {
  type Axes,
  layerNorm,
  logSumExp,
  max,
  mean,
  min,
  norm,
  type ReductionOptions,
  sum,
  variance,
} from "./tensor/reductions.ts";
export { logSoftmax, softmax } from "./tensor/softmax.ts";
export { ones, Tensor, tensor, type TensorOptions, zeros } from "./tensor/tensor.ts";
export { tidy } from "./tensor/tidy.ts";
export { dispose } from "./tensor/tree.ts";
export { tuneMatmul, type TuneOptions } from "./tensor/tuneMatmul.ts";
export { tuningDatabase } from "./tensor/tuningDatabase.ts";
