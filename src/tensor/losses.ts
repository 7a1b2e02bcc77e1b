import { lossScale } from "../backend/sampleLoss.ts";
import { InvalidInput } from "../errors.ts";
import type { ElementLoss } from "../math/losses.ts";
import { type Loss, nameOf, requireLoss } from "../graph/network.ts";
import { sameShape, showShape } from "../backend/shape.ts";
import { multiply, negate, recordBinary } from "./arithmetic.ts";
import { computeBinary, requireTensors } from "./compute.ts";
import { scaledSum, reshape } from "./layout.ts";
import { keepingResult } from "./scope.ts";
import { crossEntropyOfRows } from "./softmax.ts";
import type { Tensor } from "./tensor.ts";

/** Orders of the derivatives of a loss by output and by target. */
interface Derivative {
  readonly loss: ElementLoss;
  readonly derivative: readonly [byOutput: number, byTarget: number];
}

/** Derivative by the target of what binaryCrossEntropy's definition masks: −y of the loss, −1 of its slope. */
function byLogitTarget(derived: number, dOutput: Tensor, y: Tensor): Tensor {
  if (derived === 0) return negate(multiply(dOutput, y));
  return derived === 1 ? negate(dOutput) : multiply(dOutput, 0);
}

/** A loss of every value by itself, or a derivative of it; it has the derivatives of the next orders. */
function elementLoss(of: Derivative, outputs: Tensor, targets: Tensor): Tensor {
  const { loss: own, derivative } = of;
  const [byOutput, byTarget] = derivative;
  const output = computeBinary("lossDerivative", outputs, targets, { place: nameOf(own), ...of });
  return recordBinary(output, outputs, targets, (keep) => {
    const [y, t] = [keep(outputs), keep(targets)] as [Tensor, Tensor];
    const next = (order: Derivative["derivative"]): Tensor => elementLoss({ loss: own, derivative: order }, y, t);
    return [
      (dOutput) => multiply(dOutput, next([byOutput + 1, byTarget])),
      (dOutput) =>
        own === "binaryCrossEntropy"
          ? byLogitTarget(byOutput, dOutput, y)
          : multiply(dOutput, next([byOutput, byTarget + 1])),
    ];
  });
}

function requirePair(name: string, outputs: Tensor, targets: Tensor): void {
  if (sameShape(outputs.shape, targets.shape) && outputs.size > 0) return;
  const got = `outputs ${showShape(outputs.shape)} and targets ${showShape(targets.shape)}`;
  const fix = "reshape them to [samples, outputs]; there must be at least one value";
  throw new InvalidInput({ place: name, expected: "outputs and targets of one shape", got, fix });
}

/**
 * Mean loss of a batch, by the definitions of the library.
 * @param of by name, or what `loss()` of thalweg made
 * @param outputs [samples, outputs], or of another shape whose last axis is the outputs of a sample; logits for the cross entropies
 * @param targets of the same shape
 * @returns a scalar
 * @throws InvalidInput with both shapes where they differ
 */
export function loss(of: Loss, outputs: Tensor, targets: Tensor): Tensor {
  requireLoss("loss", of);
  const name = nameOf(of);
  requireTensors(name, [outputs, targets]);
  requirePair(name, outputs, targets);
  const width = outputs.shape.at(-1) ?? 1;
  const scale = lossScale(of, outputs.size / width, width);
  const axes = outputs.shape.map((_, axis) => axis);
  return keepingResult(() => {
    const losses =
      of === "softmaxCrossEntropy"
        ? crossEntropyOfRows(of, outputs, targets)
        : elementLoss({ loss: of, derivative: [0, 0] }, outputs, targets);
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
