import { type Activation } from "../../math/activations.ts";
import { activationFunction } from "../../math/scalarFunction.ts";
import { compileFloat64 } from "../../math/float64.ts";
import { type BlockProgram, compileBlocks } from "../../math/float64Blocks.ts";

interface Compiled {
  readonly activate: (z: number) => number;
  /** Gradient by z, from that by the activation and the value that forward saves. */
  readonly backward: (gradient: number, saved: number) => number;
  /** The same of many values. */
  readonly values: BlockProgram;
  readonly gradients: BlockProgram;
}

function compile(activation: Activation): Compiled {
  const { forward, backward } = activationFunction(activation);
  const value = compileFloat64([forward], ["z"]);
  const gradient = compileFloat64([backward], ["d", "a", "z"]);
  return {
    values: compileBlocks([forward], ["z"], []),
    gradients: compileBlocks([backward], ["d", "a", "z"], []),
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

interface Values {
  readonly vectors: readonly Float64Array[];
  /** How many values of the vectors are computed and written. */
  readonly length: number;
}

/** Computes all values of vectors, block by block. */
export function runAll(program: BlockProgram, { vectors, length }: Values, to: Float64Array): void {
  const [block] = program.outputs;
  for (let first = 0; first < length; first += program.blockLength) {
    const count = Math.min(program.blockLength, length - first);
    program.run(vectors, first, count);
    if (count === program.blockLength) to.set(block!, first);
    else for (let at = 0; at < count; at++) to[first + at] = block![at]!;
  }
}

/** Of a layer and a batch. */
interface Rows {
  readonly activation: Activation;
  /** Values of the batch. */
  readonly length: number;
}

/** The activations of pre-activations, written to `outputs`. */
export const activateAll = ({ activation, length }: Rows, preActivations: Float64Array, outputs: Float64Array): void =>
  runAll(compiledOf(activation).values, { vectors: [preActivations], length }, outputs);
