import { lossScale } from "../cpu/loss.ts";
import { InvalidInput } from "../errors.ts";
import type { ElementLossName } from "../math/losses.ts";
import { type LossName, lossNames, requireName } from "../network.ts";
import { sameShape, showShape } from "../shape.ts";
import { greater, multiply, negate, recordBinary, subtract, absolute } from "./arithmetic.ts";
import { computeBinary, computeUnary, requireTensors } from "./compute.ts";
import { scaledSum, reshape } from "./layout.ts";
import { record } from "./record.ts";
import { keepingResult } from "./scope.ts";
import { crossEntropyOfRows } from "./softmax.ts";
import { type Tensor, zeros } from "./tensor.ts";

/** Slope of the slope of a loss by the output; 0 where it is left out. */
const curvatures: Record<ElementLossName, ((dOutput: Tensor, y: Tensor, t: Tensor) => Tensor) | undefined> = {
  squaredError: (dOutput) => dOutput,
  meanSquaredError: (dOutput) => multiply(dOutput, 2),
  meanAbsoluteError: undefined,
  huber: (dOutput, y, t) => multiply(dOutput, subtract(1, greater(absolute(subtract(y, t)), 1))),
  binaryCrossEntropy: (dOutput, y) => multiply(dOutput, logisticDensity(y)),
};

const nothing = ({ device, shape, dtype }: Tensor): Tensor => zeros(device, shape, { dtype });

/** σ(y) · σ(−y), the slope of σ, of factors that lose no digits in either tail; its own slope is −tanh(y / 2) times it. */
function logisticDensity(y: Tensor): Tensor {
  const options = { place: "binaryCrossEntropy", loss: "binaryCrossEntropy" } as const;
  const output = keepingResult(() => {
    const [upper, lower] = [computeBinary("lossSlope", y, 0, options), computeBinary("lossSlope", y, 1, options)]; // σ(y), −σ(−y)
    return computeUnary("negate", computeBinary("multiply", upper, lower));
  });
  return record(output, [y], (keep) => {
    const logits = keep(y);
    return [(dOutput) => negate(multiply(dOutput, multiply(logisticDensity(logits), tanhOfHalf(logits))))];
  });
}

/** tanh(y / 2); its slope is twice the logistic density. */
function tanhOfHalf(y: Tensor): Tensor {
  const output = keepingResult(() => computeUnary("tanh", computeBinary("multiply", y, 0.5)));
  return record(output, [y], (keep) => {
    const logits = keep(y);
    return [(dOutput) => multiply(dOutput, multiply(logisticDensity(logits), 2))];
  });
}

/** Derivative of `elementLoss` by the output, value by value. */
function elementLossSlope(name: ElementLossName, outputs: Tensor, targets: Tensor): Tensor {
  const output = computeBinary("lossSlope", outputs, targets, { place: name, loss: name });
  return recordBinary(output, outputs, targets, (keep) => {
    const [y, t] = [keep(outputs), keep(targets)] as [Tensor, Tensor];
    const byOutput = (dOutput: Tensor): Tensor => (curvatures[name] ?? nothing)(dOutput, y, t);
    // All but the last are functions of y − t; of that the slope is σ(y) − t, written otherwise.
    return [byOutput, (dOutput) => negate(name === "binaryCrossEntropy" ? dOutput : byOutput(dOutput))];
  });
}

/** Loss of every value by itself. */
function elementLoss(name: ElementLossName, outputs: Tensor, targets: Tensor): Tensor {
  const output = computeBinary("loss", outputs, targets, { place: name, loss: name });
  return recordBinary(output, outputs, targets, (keep) => {
    const [y, t] = [keep(outputs), keep(targets)] as [Tensor, Tensor];
    const slope = (): Tensor => elementLossSlope(name, y, t);
    // max(y, 0) − y·t + log(1 + e^−|y|) has the slope −y by t.
    const byTarget = (): Tensor => (name === "binaryCrossEntropy" ? y : slope());
    return [(dOutput) => multiply(dOutput, slope()), (dOutput) => negate(multiply(dOutput, byTarget()))];
  });
}

function requirePair(name: LossName, outputs: Tensor, targets: Tensor): void {
  if (sameShape(outputs.shape, targets.shape) && outputs.size > 0) return;
  const got = `outputs ${showShape(outputs.shape)} and targets ${showShape(targets.shape)}`;
  const fix = "reshape them to [samples, outputs]; there must be at least one value";
  throw new InvalidInput({ place: name, expected: "outputs and targets of one shape", got, fix });
}

/**
 * Mean loss of a batch, by the definitions of the library.
 * @param outputs [samples, outputs], or of another shape whose last axis is the outputs of a sample; logits for the cross entropies
 * @param targets of the same shape
 * @returns a scalar
 * @throws InvalidInput with both shapes where they differ
 */
export function loss(name: LossName, outputs: Tensor, targets: Tensor): Tensor {
  requireName("loss", name, lossNames);
  requireTensors(name, [outputs, targets]);
  requirePair(name, outputs, targets);
  const width = outputs.shape.at(-1) ?? 1;
  const scale = lossScale(name, outputs.size / width, width);
  const axes = outputs.shape.map((_, axis) => axis);
  return keepingResult(() => {
    const losses =
      name === "softmaxCrossEntropy" ? crossEntropyOfRows(name, outputs, targets) : elementLoss(name, outputs, targets);
    return reshape(scaledSum(losses, axes, scale), []);
  });
}

/** ½ Σ (y − t)² of a sample, mean over samples. */
export const squaredError = (outputs: Tensor, targets: Tensor): Tensor => loss("squaredError", outputs, targets);
/** (y − t)², mean over all values. */
export const meanSquaredError = (outputs: Tensor, targets: Tensor): Tensor =>
  loss("meanSquaredError", outputs, targets);
/** |y − t|, mean over all values. */
export const meanAbsoluteError = (outputs: Tensor, targets: Tensor): Tensor =>
  loss("meanAbsoluteError", outputs, targets);
/** ½ (y − t)² up to a distance of 1, |y − t| − ½ beyond; mean over all values. */
export const huber = (outputs: Tensor, targets: Tensor): Tensor => loss("huber", outputs, targets);
/** Cross entropy of probabilities given as logits, mean over all values. */
export const binaryCrossEntropy = (outputs: Tensor, targets: Tensor): Tensor =>
  loss("binaryCrossEntropy", outputs, targets);
/** −Σ t · log softmax(logits) of a sample, mean over samples. */
export const softmaxCrossEntropy = (outputs: Tensor, targets: Tensor): Tensor =>
  loss("softmaxCrossEntropy", outputs, targets);
