import type { UnaryName } from "../math/elementwise.ts";
import { activationNames, type ActivationName, requireName, savesPreActivation } from "../network.ts";
import { add, exp, multiply, negate, recordBinary, square, subtract, takeShare } from "./arithmetic.ts";
import { computeBinary, computeUnary, requireTensors } from "./compute.ts";
import { hold, record } from "./record.ts";
import type { Tensor } from "./tensor.ts";

/**
 * An activation function, value by value.
 * @throws InvalidInput on an unknown name
 */
export function activate(name: ActivationName, a: Tensor): Tensor {
  requireName("activate", name, activationNames);
  requireTensors(name, [a]);
  if (name === "identity") return hold(a);
  const output = computeUnary(name, a);
  return record(output, [a], (keep) => {
    const saved = keep(savesPreActivation(name) ? a : output);
    return [(dOutput) => slopeProduct(name, dOutput, saved)];
  });
}

/** dOutput times the slope of an activation at a saved value, in one operation. */
function slopeProduct(name: ActivationName, dOutput: Tensor, saved: Tensor): Tensor {
  const output = computeBinary("slopeProduct", dOutput, saved, { place: `${name} backward`, activation: name });
  return recordBinary(output, dOutput, saved, (keep) => {
    const [x, at] = [keep(dOutput), keep(saved)] as [Tensor, Tensor];
    const curvature = curvatures[name];
    return [
      (dProduct) => slopeProduct(name, dProduct, at),
      (dProduct) => (curvature ? curvature(multiply(dProduct, x), at) : takeShare(dProduct, 0)),
    ];
  });
}

/** φ(z) = e^(−z²/2) / √(2π): density of the standard normal. */
const normalDensity = (z: Tensor): Tensor => multiply(exp(multiply(square(z), -0.5)), 1 / Math.sqrt(2 * Math.PI));

/**
 * Gradients by what slopes are taken at, from those by the slopes: these times the slopes' own. Slopes that are constant wherever they
 * exist are left out.
 */
const curvatures: Partial<Record<ActivationName, (dSlope: Tensor, saved: Tensor) => Tensor>> = {
  sigmoid: (dSlope, a) => multiply(dSlope, subtract(1, multiply(a, 2))),
  tanh: (dSlope, a) => multiply(dSlope, multiply(a, -2)),
  elu: (dSlope, a) => takeShare(dSlope, subtract(1, activateDerivative("relu", a))),
  gelu: (dSlope, z) => multiply(dSlope, multiply(normalDensity(z), subtract(2, square(z)))),
  silu(dSlope, z) {
    const g = sigmoid(z);
    // g(1 − g)(2 + z(1 − 2g))
    const bend = add(multiply(z, subtract(1, multiply(g, 2))), 2);
    return multiply(dSlope, multiply(activateDerivative("sigmoid", g), bend));
  },
  softplus: (dSlope, z) => multiply(dSlope, activateDerivative("sigmoid", sigmoid(z))),
  sine: (dSlope, z) => negate(multiply(dSlope, sine(z))),
};

/**
 * Slope of an activation function, at what forward has at hand: the activation itself for identity, sigmoid, tanh, relu,
 * leakyRelu and elu, and what was activated for gelu, silu, softplus and sine.
 */
export function activateDerivative(name: ActivationName, saved: Tensor): Tensor {
  requireName("activateDerivative", name, activationNames);
  const slope: UnaryName = `${name}Slope`;
  const output = computeUnary(slope, saved);
  const curvature = curvatures[name];
  if (!curvature) return output;
  return record(output, [saved], (keep) => {
    const at = keep(saved);
    return [(dOutput) => curvature(dOutput, at)];
  });
}

/** 1 / (1 + e^−a). */
export const sigmoid = (a: Tensor): Tensor => activate("sigmoid", a);
/** Hyperbolic tangent. */
export const tanh = (a: Tensor): Tensor => activate("tanh", a);
/** max(a, 0). */
export const relu = (a: Tensor): Tensor => activate("relu", a);
/** a, or 0.01 a below 0. */
export const leakyRelu = (a: Tensor): Tensor => activate("leakyRelu", a);
/** a, or e^a − 1 below 0. */
export const elu = (a: Tensor): Tensor => activate("elu", a);
/** a Φ(a), Φ being the distribution function of the standard normal. */
export const gelu = (a: Tensor): Tensor => activate("gelu", a);
/** a · sigmoid(a). */
export const silu = (a: Tensor): Tensor => activate("silu", a);
/** log(1 + e^a). */
export const softplus = (a: Tensor): Tensor => activate("softplus", a);
/** Sine. */
export const sine = (a: Tensor): Tensor => activate("sine", a);
