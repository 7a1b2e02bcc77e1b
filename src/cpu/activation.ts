import type { ActivationName } from "../network.ts";

/** Slope of leakyRelu below 0, as `torch.nn.LeakyReLU`. */
const leakySlope = 0.01;

/** erf(x) = 2/√π · e^(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!!, every term positive, so nothing cancels (DLMF 7.6.2). */
export function erf(x: number): number {
  const t = Math.abs(x);
  if (t > 6) return Math.sign(x);
  let term = t;
  let sum = t;
  for (let n = 1; n < 200 && term > sum * 1e-17; n++) {
    term *= (2 * t * t) / (2 * n + 1);
    sum += term;
  }
  return Math.sign(x) * Math.min(1, (2 / Math.sqrt(Math.PI)) * Math.exp(-t * t) * sum);
}

/** erfc(t) for t > 2.5 by its continued fraction (DLMF 7.9.3): 1 − erf would cancel. */
function erfcTail(t: number): number {
  let fraction = t;
  for (let n = 80; n >= 1; n--) fraction = t + n / 2 / fraction;
  return Math.exp(-t * t) / Math.sqrt(Math.PI) / fraction;
}

/** Distribution function of the standard normal. */
export function normalDistribution(x: number): number {
  const t = Math.abs(x) * Math.SQRT1_2;
  const upper = t > 2.5 ? erfcTail(t) / 2 : (1 - erf(t)) / 2;
  return x > 0 ? 1 - upper : upper;
}

/** log(1 + exp(−|x|)). */
export const logOnePlusExpNegative = (x: number): number => Math.log1p(Math.exp(-Math.abs(x)));

export function sigmoid(x: number): number {
  const e = Math.exp(-Math.abs(x));
  return (x >= 0 ? 1 : e) / (1 + e);
}

const normalDensity = (x: number): number => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);

interface Activation {
  readonly activate: (z: number) => number;
  /** Slope at the saved value: the activation, or z where `savesPreActivation`. */
  readonly derivative: (saved: number) => number;
}

const activations: Record<ActivationName, Activation> = {
  identity: { activate: (z) => z, derivative: () => 1 },
  sigmoid: { activate: sigmoid, derivative: (a) => a * (1 - a) },
  tanh: { activate: Math.tanh, derivative: (a) => (1 - a) * (1 + a) },
  relu: { activate: (z) => Math.max(z, 0), derivative: (a) => (a > 0 ? 1 : 0) },
  leakyRelu: {
    activate: (z) => (z >= 0 ? z : leakySlope * z),
    derivative: (a) => (a > 0 ? 1 : leakySlope),
  },
  elu: { activate: (z) => (z > 0 ? z : Math.expm1(z)), derivative: (a) => (a > 0 ? 1 : a + 1) },
  gelu: {
    activate: (z) => z * normalDistribution(z),
    derivative: (z) => normalDistribution(z) + z * normalDensity(z),
  },
  silu: {
    activate: (z) => z * sigmoid(z),
    derivative: (z) => sigmoid(z) * (1 + z * sigmoid(-z)),
  },
  softplus: {
    activate: (z) => Math.max(z, 0) + logOnePlusExpNegative(z),
    derivative: sigmoid,
  },
  sine: { activate: Math.sin, derivative: Math.cos },
};

/** The activation function at a pre-activation z. */
export const activate = (name: ActivationName, z: number): number => activations[name].activate(z);

/** Slope of the activation function at a saved value: the activation, or z where `savesPreActivation`. */
export const activateDerivative = (name: ActivationName, saved: number): number => activations[name].derivative(saved);

/**
 * Gradient by the pre-activation from that by the activation. Where relu is 0 nothing passes, not even infinity: its branch was not
 * taken, as in PyTorch. Smooth functions multiply, so that infinity times a slope that rounded to 0 is NaN.
 */
export function slopeProduct(name: ActivationName, gradient: number, saved: number): number {
  const slope = activateDerivative(name, saved);
  return name === "relu" && slope === 0 ? 0 : gradient * slope;
}
