import type { Expression } from "../../math/expression.ts";
import { lossFunction } from "../../math/lossFunction.ts";
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

/** Outputs of four samples and their targets. All may be used often. */
interface Rows {
  readonly outputs: readonly Floats[];
  readonly targets: readonly Floats[];
}

interface LossInputs extends Rows {
  readonly scale: Floats;
}

const sumOf = (values: readonly Floats[]): Floats =>
  values.slice(1).reduce((sum, value) => f32x4.add(sum, value), values[0]!);

type ElementWise = Exclude<Loss, "softmaxCrossEntropy">;

/** Expressions of every output and its target, as `y` and `t`. */
function ofElements(code: VectorCode, expressions: readonly Expression[], { outputs, targets }: Rows): Floats[][] {
  return outputs.map((y, at) => {
    const named = new Map([
      ["y", y],
      ["t", targets[at]!],
    ]);
    return emitExpressions(code, expressions, named);
  });
}

function elementLoss(code: VectorCode, loss: ElementWise, inputs: LossInputs): LossValues {
  const { loss: value, slope } = lossFunction(loss);
  const elements = ofElements(code, [value, slope], inputs) as [Floats, Floats][];
  return {
    loss: code.let(sumOf(elements.map(([own]) => own))),
    slopes: elements.map(([, own]) => code.let(f32x4.mul(inputs.scale, own))),
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

/** What the loss of a row of logits and its slopes are made of. */
interface SoftmaxRow {
  readonly loss: Floats;
  readonly isLargest: readonly Mask[];
  readonly exponentials: readonly Floats[];
  /** Sum of the exponentials of all but the largest, whose own is 1. */
  readonly rest: Floats;
  /** Sum of all targets. */
  readonly all: Floats;
}

/** The sum of all but the largest's. */
const sumOfOthers = (code: VectorCode, values: readonly Floats[], isLargest: readonly Mask[]): Floats =>
  sumOf(values.map((value, at) => code.clear(value, isLargest[at]!)));

/** −Σ t · log softmax in the forms of shaders/crossEntropy.wgsl, which keep their digits as a probability comes near 1. */
function softmaxRow(code: VectorCode, { outputs: logits, targets }: Rows): SoftmaxRow {
  const { largest, isLargest } = largestOf(code, logits);
  const shifted = logits.map((logit) => code.let(f32x4.sub(logit, largest)));
  const exponentials = shifted.map((x) => code.let(boundedExponential(code, x)));
  // NaN where the largest is not finite: a row of −∞ only has no probabilities, and one with ∞ has diverged.
  const rest = code.let(f32x4.add(f32x4.sub(largest, largest), sumOfOthers(code, exponentials, isLargest)));
  const all = code.let(sumOf(targets));
  const distances = targets.map((t, at) => targetTimes(code, t, shifted[at]!));
  const loss = code.let(f32x4.sub(f32x4.mul(all, logOnePlus(code, rest)), sumOf(distances)));
  return { loss, isLargest, exponentials, rest, all };
}

function softmaxCrossEntropy(code: VectorCode, inputs: LossInputs): LossValues {
  const { targets, scale } = inputs;
  const { loss, isLargest, exponentials, rest, all } = softmaxRow(code, inputs);
  const restTargets = code.let(sumOfOthers(code, targets, isLargest));
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
