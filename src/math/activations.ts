import { expm1, type Expression, normalDistribution, sigmoid, sin, softplus, tanh, where } from "./expression.ts";

/** Slope of leakyRelu below 0, as `torch.nn.LeakyReLU`. */
const leak = 0.01;

/** Activation functions of a pre-activation z: the one place that defines them. */
export const activations = {
  identity: (z) => z,
  sigmoid: (z) => sigmoid(z),
  tanh: (z) => tanh(z),
  relu: (z) => where(z.lessOrEqual(0), 0, z),
  leakyRelu: (z) => where(z.lessOrEqual(0), z.times(leak), z),
  elu: (z) => where(z.lessOrEqual(0), expm1(z), z),
  gelu: (z) => z.times(normalDistribution(z)),
  silu: (z) => z.times(sigmoid(z)),
  softplus: (z) => softplus(z),
  sine: (z) => sin(z),
} as const satisfies Record<string, (z: Expression) => Expression>;
