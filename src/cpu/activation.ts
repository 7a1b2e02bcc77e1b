import { type Activation, activationFunction } from "../math/activations.ts";
import { compileFloat64 } from "../math/float64.ts";

interface Compiled {
  readonly activate: (z: number) => number;
  /** Gradient by z, from that by the activation and the value that forward saves. */
  readonly backward: (gradient: number, saved: number) => number;
}

function compile(activation: Activation): Compiled {
  const { forward, backward } = activationFunction(activation);
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

const compiledByName = new Map<string, Compiled>();
const compiledOwn = new WeakMap<object, Compiled>();

function compiledOf(activation: Activation): Compiled {
  if (typeof activation === "string") {
    const known = compiledByName.get(activation) ?? compile(activation);
    compiledByName.set(activation, known);
    return known;
  }
  const known = compiledOwn.get(activation) ?? compile(activation);
  compiledOwn.set(activation, known);
  return known;
}

/** The activation function at a pre-activation z, in float64. */
export const activate = (activation: Activation, z: number): number => compiledOf(activation).activate(z);

/** Slope of the activation function at a saved value: the activation, or z where `savesPreActivation`. */
export const activateDerivative = (activation: Activation, saved: number): number =>
  compiledOf(activation).backward(1, saved);
