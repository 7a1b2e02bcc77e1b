// How far a loss computed in float32, and its slope by the outputs, may be from float64.

import { sigmoidOf, softplusOf } from "../../src/math/specialFunctions.ts";
import { elementLoss } from "../../src/backend/sampleLoss.ts";
import { largestAt, softmax, targetTimes } from "../../src/math/softmax.ts";
import type { LossName } from "../../src/graph/network.ts";
import type { ElementLossName } from "../../src/math/losses.ts";
import { lossFunction } from "../../src/math/lossFunction.ts";
import { errorBoundOf } from "./expressionSweep.ts";
import { roundoff } from "./compare.ts";

/** Outputs and targets of one row. */
export interface Sample {
  readonly outputs: Float64Array;
  readonly targets: Float64Array;
}

/** Below e^−87 = 1.6e-38 exponentials are taken for 0, and denormals may be flushed. */
const flushed = 2e-38;

/**
 * Relative error of an exponential of −distance, of a sum of `count` of them, and of what is made of both: WGSL allows exp 3 + 2 d
 * units in the last place, each two of these, d itself is rounded, and a quotient may be 5 off.
 */
const exponentialError = (count: number, distance: number): number =>
  (2 * count + 20 + 10 * Math.min(Math.abs(distance), 87)) * roundoff;

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);

/** The sum of all values but one. */
const others = (values: Float64Array, at: number): number => sum(values.filter((_, other) => other !== at));

/** Distances of logits from the largest; those of masked classes, which are −∞, count as 0. */
function distancesOf({ outputs }: Sample): Float64Array {
  const largest = outputs[largestAt(outputs)]!;
  return outputs.map((output) => (output === Number.NEGATIVE_INFINITY ? 0 : largest - output));
}

/** Roundings of Σt · log Σ exp and of Σ t · distance: neither is negative, so nothing cancels. */
function softmaxBound(sample: Sample): number {
  const { outputs, targets } = sample;
  const distances = distancesOf(sample);
  const place = largestAt(outputs);
  const rest = others(
    outputs.map((output) => Math.exp(output - outputs[place]!)),
    place,
  );
  const targetSum = sum(targets.map(Math.abs));
  const far = sum(distances.map((distance, at) => distance * Math.abs(targets[at]!)));
  const ofSum = exponentialError(outputs.length, Math.max(...distances)) * Math.log1p(rest) + outputs.length * flushed;
  return targetSum * ofSum + (outputs.length + 4) * roundoff * far;
}

/** Roundings of p · (targets of the others) and of t · (probabilities of the others). */
function softmaxSlopeBounds(sample: Sample): Float64Array {
  const error = exponentialError(sample.outputs.length, Math.max(...distancesOf(sample)));
  const probabilities = softmax(sample.outputs);
  const targets = sample.targets.map(Math.abs);
  const [place, targetSum] = [largestAt(sample.outputs), sum(targets)];
  const rest = others(probabilities, place);
  const least = probabilities.length * flushed * targetSum;
  return probabilities.map((p, at) => {
    const t = targets[at]!;
    return error * (p * (targetSum - t) + t * (at === place ? rest : 1 - p)) + least;
  });
}

/** [loss, slope] of one value under binaryCrossEntropy: roundings of their parts, none of which is negative. */
function binaryBounds(x: number, t: number): [number, number] {
  const error = exponentialError(1, x);
  const linear = targetTimes(Math.abs(1 - t), Math.max(x, 0)) + targetTimes(Math.abs(t), Math.max(-x, 0));
  const slope = Math.abs(1 - t) * sigmoidOf(x) + Math.abs(t) * sigmoidOf(-x);
  return [4 * roundoff * linear + error * softplusOf(-Math.abs(x)) + flushed, error * slope + flushed];
}

/** [loss, slope] of one value under a loss that has no bound stated here: by the bounds of the primitives that it is made of. */
const derived = (name: ElementLossName): readonly [loss: ErrorOf, slope: ErrorOf] => {
  const known = derivedBounds.get(name);
  if (known) return known;
  const { loss, slope } = lossFunction(name);
  const [ofLoss, ofSlope] = [loss, slope].map((output) => errorBoundOf(output, ["y", "t"]));
  const made = [ofLoss!, ofSlope!] as const;
  derivedBounds.set(name, made);
  return made;
};
type ErrorOf = ReturnType<typeof errorBoundOf>;
const derivedBounds = new Map<ElementLossName, readonly [loss: ErrorOf, slope: ErrorOf]>();

/** Losses whose roundings are few and of values no larger than |y| + |t|, or their square. */
const simple: readonly LossName[] = ["squaredError", "meanSquaredError", "meanAbsoluteError", "huber"];
const isSquare = (name: LossName): boolean => name === "squaredError" || name === "meanSquaredError";

/**
 * Bound of one sample's loss: n terms, each of a few roundings of values no larger than its parts
 * (|y| + |t|, or their square); the sum of n terms rounds at most n times.
 */
export function lossBound(name: LossName, sample: Sample): number {
  if (name === "softmaxCrossEntropy") return softmaxBound(sample);
  const { outputs, targets } = sample;
  let [terms, bounds] = [0, 0];
  for (const [column, output] of outputs.entries()) {
    const t = targets[column]!;
    if (name === "binaryCrossEntropy") {
      bounds += binaryBounds(output, t)[0];
      terms += elementLoss(name, output, t)[0];
    } else if (!simple.includes(name)) {
      const { value, error } = derived(name)[0](output, t);
      bounds += error;
      terms += Math.abs(value);
    } else terms += (Math.abs(output) + Math.abs(t)) ** (isSquare(name) ? 2 : 1);
  }
  if (!simple.includes(name)) return bounds + (outputs.length - 1) * roundoff * terms;
  return (8 + outputs.length) * roundoff * (name === "huber" ? 2 * terms : terms);
}

/** Bounds of its slope by every output, [outputs]: roundings of y − t, or as above. */
export function slopeBounds(name: LossName, sample: Sample): Float64Array {
  if (name === "softmaxCrossEntropy") return softmaxSlopeBounds(sample);
  return sample.outputs.map((output, column) => {
    const t = sample.targets[column]!;
    if (name === "meanAbsoluteError") return 0;
    if (name === "binaryCrossEntropy") return binaryBounds(output, t)[1];
    if (!simple.includes(name)) return derived(name)[1](output, t).error;
    return 4 * roundoff * (Math.abs(output) + Math.abs(t));
  });
}
