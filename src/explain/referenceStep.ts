import { createReference } from "../backend/createReference.ts";
import { InvalidInput } from "../errors.ts";
import type { FloatArray, Trace } from "../backend/executor.ts";
import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { sgd } from "../math/optimizer.ts";

/** What one step of plain gradient descent on one row starts from. */
export interface StepStart {
  /** [parameterCount] in the flat layout of `network()`. */
  readonly parameters: FloatArray;
  /** [network.inputs]. */
  readonly input: FloatArray;
  /** [network.outputs]. */
  readonly target: FloatArray;
  readonly learningRate: number;
}

function requireValues(what: string, values: FloatArray, length: number): void {
  const isGood = values.length === length && values.every(Number.isFinite);
  if (isGood) return;
  const bad = values.findIndex((value) => !Number.isFinite(value));
  const got = values.length === length ? `${values[bad]} at ${bad}` : `${values.length} values`;
  const fix = "pass one row, and one member's parameters";
  throw new InvalidInput({ place: `referenceStep: ${what}`, expected: `${length} finite numbers`, got, fix });
}

function requireStart({ parameterCount, inputs, outputs }: AnyNetwork, { parameters, input, target }: StepStart): void {
  requireValues("parameters", parameters, parameterCount);
  requireValues("input", input, inputs);
  requireValues("target", target, outputs);
}

/**
 * One step of plain gradient descent on one row by the CPU in float64, at once and without a device: what `describeStep` takes as
 * its reference.
 * @throws InvalidInput on values that are not of the network's shape, or not finite
 */
export function referenceStep(network: AnyNetwork, start: StepStart): Trace {
  requireStart(network, start);
  const reference = createReference(network, 1);
  reference.writeParameters(start.parameters);
  return reference.traceNow({ inputs: start.input, targets: start.target }, sgd({ learningRate: start.learningRate }));
}

/** Half the way between two points of the stencil: rounding and what the stencil leaves out are both near 1e-13 there. */
const distance = 2 ** -11;

/**
 * ∂loss/∂parameter of one row without any derivative: the loss at four points around each parameter, in float64, by the stencil
 * (8·(f(w+h) − f(w−h)) − (f(w+2h) − f(w−2h))) / 12h.
 * @returns [parameterCount]
 * @throws InvalidInput as `referenceStep` does
 */
export function centralDifferences(network: AnyNetwork, start: StepStart): Float64Array {
  requireStart(network, start);
  const parameters = Float64Array.from(start.parameters);
  const lossOf = createReference(network, 1).lossOf({ inputs: start.input, targets: start.target });
  const lossAt = (index: number, value: number): number => lossOf(parameters.with(index, value));
  return parameters.map((value, index) => {
    const across = (steps: number): number =>
      lossAt(index, value + steps * distance) - lossAt(index, value - steps * distance);
    return (8 * across(1) - across(2)) / (12 * distance);
  });
}
