import { type Activation, nameOf, requireActivation } from "../graph/network.ts";
import { savesPreActivation } from "../math/scalarFunction.ts";
import { multiply, recordBinary } from "./arithmetic.ts";
import { computeBinary, computeUnary, requireTensors } from "./compute.ts";
import { hold, record } from "./tape.ts";
import type { Tensor } from "./tensor.ts";

/**
 * An activation function, value by value.
 * @param activation by name, or what `activation()` made
 * @throws InvalidInput on an unknown name
 */
export function activate(activation: Activation, a: Tensor): Tensor {
  requireActivation("activate", activation);
  const place = nameOf(activation);
  requireTensors(place, [a]);
  if (activation === "identity") return hold(a);
  const output = computeUnary("activation", a, { place, activation });
  return record(output, [a], (keep) => {
    const saved = keep(savesPreActivation(activation) ? a : output);
    return [(dOutput) => slopeProduct({ activation, order: 1 }, dOutput, saved)];
  });
}

/** Order of the derivative of an activation. */
interface Slope {
  readonly activation: Activation;
  readonly order: number;
}

/** dOutput times a slope at a saved value, in one operation; by the saved value it has the slope of the next order. */
function slopeProduct(slope: Slope, dOutput: Tensor, saved: Tensor): Tensor {
  const { activation, order } = slope;
  const output = computeBinary("slopeProduct", dOutput, saved, { place: `${nameOf(activation)} backward`, ...slope });
  return recordBinary(output, dOutput, saved, (keep) => {
    const [x, at] = [keep(dOutput), keep(saved)] as [Tensor, Tensor];
    return [
      (dProduct) => slopeProduct(slope, dProduct, at),
      (dProduct) => slopeProduct({ activation, order: order + 1 }, multiply(dProduct, x), at),
    ];
  });
}

/**
 * Slope of an activation function, at what forward has available: the activation itself for identity, sigmoid, tanh, relu,
 * leakyRelu and elu, and what was activated for gelu, silu, softplus and sine; for others what their definition needs.
 */
export function activateDerivative(activation: Activation, saved: Tensor): Tensor {
  requireActivation("activateDerivative", activation);
  const output = computeUnary("activationSlope", saved, { place: nameOf(activation), activation });
  return record(output, [saved], (keep) => {
    const at = keep(saved);
    return [(dOutput) => slopeProduct({ activation, order: 2 }, dOutput, at)];
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
