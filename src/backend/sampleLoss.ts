// The loss of one sample in float64: what the CPU reference trains by, and what outputs are scored by on any device.

import { compileFloat64, float64Function, type Float64Program } from "../math/float64.ts";
import { lossFunction } from "../math/lossFunction.ts";
import type { ElementLoss } from "../math/losses.ts";
import type { Loss } from "../graph/network.ts";
import { crossEntropy, crossEntropySlope } from "../math/softmax.ts";

function compile(name: ElementLoss): Float64Program {
  const { loss: value, slope } = lossFunction(name);
  return compileFloat64([value, slope], ["y", "t"]);
}

/** Compiles a loss once. */
function remembered<Compiled>(compileOne: (loss: ElementLoss) => Compiled): (loss: ElementLoss) => Compiled {
  const compiled = new Map<string, Compiled>();
  const compiledOwn = new WeakMap<object, Compiled>();
  return (loss) => {
    const known = (typeof loss === "string" ? compiled.get(loss) : compiledOwn.get(loss)) ?? compileOne(loss);
    if (typeof loss === "string") compiled.set(loss, known);
    else compiledOwn.set(loss, known);
    return known;
  };
}

const compiledOf = remembered(compile);

/** The loss of one value in float64, as a function of output and target. */
export const elementLossFunction = remembered((name): ((output: number, target: number) => number) =>
  float64Function(lossFunction(name).loss, ["y", "t"]),
);

/** [loss, its derivative by output] of one value, in float64. */
export function elementLoss(loss: ElementLoss, output: number, target: number): [number, number] {
  const program = compiledOf(loss);
  program.inputs[0] = output;
  program.inputs[1] = target;
  program.run();
  return [program.outputs[0]!, program.outputs[1]!];
}

/** Factor that turns a sum over the batch into the mean a loss is defined by: over samples, or over all values. */
export function lossScale(loss: Loss, batchSize: number, outputs: number): number {
  return loss === "squaredError" || loss === "softmaxCrossEntropy" ? 1 / batchSize : 1 / (batchSize * outputs);
}

/**
 * Loss of one sample, unscaled, and its gradient by the outputs.
 * Definitions as PyTorch's: `squaredError` is ½ Σ (y − t)²; `huber` has delta 1; both cross entropies take logits.
 * @param outputs [fanOut]
 * @param targets [fanOut]
 * @param dOutputs [fanOut], written
 */
export function sampleLoss(loss: Loss, outputs: Float64Array, targets: Float64Array, dOutputs: Float64Array): number {
  if (loss === "softmaxCrossEntropy") {
    dOutputs.set(crossEntropySlope(outputs, targets));
    return crossEntropy(outputs, targets);
  }
  let total = 0;
  for (let column = 0; column < outputs.length; column++) {
    const [value, derivative] = elementLoss(loss, outputs[column]!, targets[column]!);
    total += value;
    dOutputs[column] = derivative;
  }
  return total;
}
