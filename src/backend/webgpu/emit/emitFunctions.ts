import type { Activation } from "../../../math/activations.ts";
import { activationFunction, type ScalarFunction } from "../../../math/scalarFunction.ts";
import { emitCall, emitFunction, emitPairFunction } from "../../../math/emitWgsl.ts";
import { lossFunction } from "../../../math/lossFunction.ts";
import type { ElementLoss } from "../../../math/losses.ts";
import type { Preparation } from "../../../math/primitive.ts";
import type { Network } from "../../../graph/network.ts";

// Activations and losses as WGSL, from their definitions: `activate` of the pre-activation z, and the backward pass of `d`, the gradient by the
// activation, and of what forward saves.

/** A constant. */
export const f32Text = (value: number): string => {
  const text = String(Math.fround(value));
  return /[.e]/.test(text) ? text : `${text}.0`;
};

const savedName = ({ saves }: ScalarFunction): "z" | "a" => (saves === "argument" ? "z" : "a");

/** What kernels of one layer leave open: `activate(z)` and `slopeProduct(d, saved)`. */
export function emitActivation(activation: Activation): string {
  const own = activationFunction(activation);
  return [
    emitFunction("activate", ["z"], own.forward),
    emitFunction("slopeProduct", ["d", savedName(own)], own.backward),
  ].join("\n\n");
}

/** How an activation's argument is prepared, once for forward and backward. */
export const preparationOf = (activation: Activation): Preparation | undefined =>
  activationFunction(activation).preparation;

/** Activations of a network's layers, each once. */
export const activationsOf = ({ layers }: Pick<Network, "layers">): Activation[] => [
  ...new Set(layers.map(({ activation }) => activation)),
];

/** What the code of one network calls an activation. No text of a user's goes into WGSL: definitions of theirs have numbers. */
export const wgslNameOf = (network: Pick<Network, "layers">, activation: Activation): string =>
  typeof activation === "string" ? activation : `own${activationsOf(network).indexOf(activation) + 1}`;

/** How the code of one network calls an activation. `z` is prepared where the activation can be. */
export interface ActivationCalls {
  readonly forward: (z: string) => string;
  readonly backward: (d: string, saved: string) => string;
}

/** Calls of an activation: of functions named after it, or of what WGSL or shaders/scalar.wgsl have. */
export function callsOf(network: Network, activation: Activation): ActivationCalls {
  const name = wgslNameOf(network, activation);
  const { forward, saves, preparation } = activationFunction(activation);
  const options = { isPrepared: preparation !== undefined };
  return {
    forward: (z) => emitCall(forward, new Map([["z", z]]), options) ?? `${name}(${z})`,
    backward: (d, saved) => (saves === "nothing" && forward.kind === "input" ? d : `${name}Backward(${d}, ${saved})`),
  };
}

/** The functions that `callsOf` calls. */
export function emitActivations(network: Network, passes: readonly ("forward" | "backward")[]): string {
  const functions = activationsOf(network).flatMap((activation) => {
    const own = activationFunction(activation);
    const name = wgslNameOf(network, activation);
    const { forward, backward, saves } = own;
    const isCall = emitCall(forward, new Map([["z", "z"]])) !== undefined;
    const options = { isPrepared: own.preparation !== undefined };
    return [
      ...(passes.includes("forward") && !isCall ? [emitFunction(name, ["z"], forward, options)] : []),
      ...(passes.includes("backward") && (saves !== "nothing" || forward.kind !== "input")
        ? [emitFunction(`${name}Backward`, ["d", savedName(own)], backward, options)]
        : []),
    ];
  });
  return functions.join("\n");
}

/** As `emitActivations`, for four values: `sigmoid4(z)` and `sigmoidBackward4(d, a)`. */
export function emitFours(network: Network): string {
  const functions = activationsOf(network).flatMap((activation) => {
    const own = activationFunction(activation);
    const name = wgslNameOf(network, activation);
    const options = { type: "vec4f", isPrepared: own.preparation !== undefined } as const;
    return [
      emitFunction(`${name}4`, ["z"], own.forward, options),
      emitFunction(`${name}Backward4`, ["d", savedName(own)], own.backward, options),
    ];
  });
  return functions.join("\n");
}

/** What kernels leave open of a loss of every output by itself: `elementLoss(y, t)`, the loss and its slope by the output y. */
export function emitLoss(of: ElementLoss): string {
  const { loss, slope } = lossFunction(of);
  return emitPairFunction("elementLoss", ["y", "t"], [loss, slope]);
}
