import { lossFunction } from "../../math/losses.ts";
import type { Loss } from "../../graph/network.ts";
import { emitExpressions } from "./emitExpression.ts";
import { boundedExponential } from "./exponentials.ts";
import { f32x4, i32x4 } from "./instructions.ts";
import { logOnePlus } from "./logarithms.ts";
import { constant } from "./value.ts";
import type { Floats, Mask, VectorCode } from "./vectorCode.ts";

/** The loss of samples, not scaled, and its slopes by the outputs, times a scale. */
export interface LossValues {
  readonly loss: Floats;
  readonly slopes: readonly Floats[];
}

interface LossInputs {
  /** All may be used often. */
  readonly outputs: readonly Floats[];
  readonly targets: readonly Floats[];
  readonly scale: Floats;
}

const sumOf = (values: readonly Floats[]): Floats =>
  values.slice(1).reduce((sum, value) => f32x4.add(sum, value), values[0]!);

function elementLoss(code: VectorCode, loss: Exclude<Loss, "softmaxCrossEntropy">, inputs: LossInputs): LossValues {
  const { outputs, targets, scale } = inputs;
  const { loss: value, slope } = lossFunction(loss);
  const elements = outputs.map((y, at) => {
    const named = new Map([
      ["y", y],
      ["t", targets[at]!],
    ]);
    return emitExpressions(code, [value, slope], named) as [Floats, Floats];
  });
  return {
    loss: code.let(sumOf(elements.map(([own]) => own))),
    slopes: elements.map(([, own]) => code.let(f32x4.mul(scale, own))),
  };
}

/** The largest of the logits, the first of several, and masks of where each is it. */
function largestOf(code: VectorCode, logits: readonly Floats[]): { largest: Floats; isLargest: Mask[] } {
  let largest = logits[0]!;
  let place: Mask = constant("i32x4", 0);
  for (const [at, logit] of logits.entries()) {
    if (at === 0) continue;
    const isLarger = code.let(f32x4.gt(logit, largest));
    largest = code.let(f32x4.bitselect(logit, largest, isLarger));
    place = code.let(i32x4.bitselect(at, place, isLarger));
  }
  return { largest, isLargest: logits.map((_, at) => code.let(i32x4.eq(place, at))) };
}

/** t · x; 0 where t is 0, though x be infinite: a logit of −∞ masks its class. */
const targetTimes = (code: VectorCode, t: Floats, x: Floats): Floats => code.clear(f32x4.mul(t, x), f32x4.eq(t, 0));

/** −Σ t · log softmax in the forms of shaders/crossEntropy.wgsl, which keep their digits as a probability comes near 1. */
function softmaxCrossEntropy(code: VectorCode, { outputs: logits, targets, scale }: LossInputs): LossValues {
  const { largest, isLargest } = largestOf(code, logits);
  const shifted = logits.map((logit) => code.let(f32x4.sub(logit, largest)));
  const exponentials = shifted.map((x) => code.let(boundedExponential(code, x)));
  const others = (values: readonly Floats[]): Floats =>
    sumOf(values.map((value, at) => code.clear(value, isLargest[at]!)));
  // NaN where the largest is not finite: a row of −∞ only has no probabilities, and one with ∞ has diverged.
  const rest = code.let(f32x4.add(f32x4.sub(largest, largest), others(exponentials)));
  const restTargets = code.let(others(targets));
  const all = code.let(sumOf(targets));
  const distances = targets.map((t, at) => targetTimes(code, t, shifted[at]!));
  const loss = code.let(f32x4.sub(f32x4.mul(all, logOnePlus(code, rest)), sumOf(distances)));
  const share = code.let(f32x4.div(scale, f32x4.add(rest, 1)));
  const perExponential = code.let(f32x4.mul(share, all));
  const ofLargest = code.let(f32x4.mul(share, code.nmadd(f32x4.sub(all, restTargets), rest, restTargets)));
  const slopes = exponentials.map((value, at) => {
    const ofOther = f32x4.sub(f32x4.mul(value, perExponential), f32x4.mul(scale, targets[at]!));
    return code.let(f32x4.bitselect(ofLargest, ofOther, isLargest[at]!));
  });
  return { loss, slopes };
}

/** The loss of four samples and its slopes. */
export const lossOf = (code: VectorCode, loss: Loss, inputs: LossInputs): LossValues =>
  loss === "softmaxCrossEntropy" ? softmaxCrossEntropy(code, inputs) : elementLoss(code, loss, inputs);
