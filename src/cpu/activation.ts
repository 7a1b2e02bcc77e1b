import { activations } from "../math/activations.ts";
import { compileFloat64 } from "../math/float64.ts";
import { scalarFunction } from "../math/scalarFunction.ts";
import type { ActivationName } from "../network.ts";

interface Activation {
  readonly activate: (z: number) => number;
  /** Gradient by z, from that by the activation and the value that forward saves. */
  readonly backward: (gradient: number, saved: number) => number;
}

function compile(name: ActivationName): Activation {
  const { forward, backward } = scalarFunction(activations[name]);
  const value = compileFloat64([forward], ["z"]);
  const gradient = compileFloat64([backward], ["d", "a", "z"]);
  return {
    activate(z) {
      value.inputs[0] = z;
      value.run();
      return value.outputs[0]!;
    },
    backward(d, saved) {
      gradient.inputs[0] = d;
      gradient.inputs[1] = saved;
      gradient.inputs[2] = saved; // it reads one of the two
      gradient.run();
      return gradient.outputs[0]!;
    },
  };
}

const compiled = new Map<ActivationName, Activation>();

function compiledOf(name: ActivationName): Activation {
  const known = compiled.get(name) ?? compile(name);
  compiled.set(name, known);
  return known;
}

/** The activation function at a pre-activation z, in float64. */
export const activate = (name: ActivationName, z: number): number => compiledOf(name).activate(z);

/** Slope of the activation function at a saved value: the activation, or z where `savesPreActivation`. */
export const activateDerivative = (name: ActivationName, saved: number): number => compiledOf(name).backward(1, saved);
