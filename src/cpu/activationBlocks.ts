import { activations } from "../math/activations.ts";
import { type BlockProgram, compileBlocks } from "../math/float64Blocks.ts";
import { scalarFunction } from "../math/scalarFunction.ts";
import type { ActivationName } from "../network.ts";

// The functions of activation.ts for many values at once: the same bits, without a call for each.

interface Compiled {
  readonly forward: BlockProgram;
  readonly backward: BlockProgram;
}

const compiled = new Map<ActivationName, Compiled>();

function compiledOf(name: ActivationName): Compiled {
  const known = compiled.get(name);
  if (known) return known;
  const { forward, backward } = scalarFunction(activations[name]);
  const own = {
    forward: compileBlocks([forward], ["z"], []),
    backward: compileBlocks([backward], ["d", "a", "z"], []),
  };
  compiled.set(name, own);
  return own;
}

interface Values {
  readonly vectors: readonly Float64Array[];
  /** How many values of the vectors are computed and written. */
  readonly length: number;
}

function runAll(program: BlockProgram, { vectors, length }: Values, to: Float64Array): void {
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
  readonly activation: ActivationName;
  /** Values of the batch. */
  readonly length: number;
}

/** The activations of pre-activations, written to `outputs`. */
export const activateAll = ({ activation, length }: Rows, preActivations: Float64Array, outputs: Float64Array): void =>
  runAll(compiledOf(activation).forward, { vectors: [preActivations], length }, outputs);

/**
 * Turns gradients by activations into those by pre-activations, in place, from what forward saves. A branch that was not taken passes
 * nothing, not even infinity, as in PyTorch. Smooth functions multiply, so that infinity times a slope that rounded to 0 is NaN.
 */
export const slopeProducts = ({ activation, length }: Rows, gradients: Float64Array, saved: Float64Array): void =>
  runAll(compiledOf(activation).backward, { vectors: [gradients, saved, saved], length }, gradients);
