import { lossScale } from "../backend/sampleLoss.ts";
import type { Loss } from "../graph/network.ts";
import { backward } from "../math/differentiate.ts";
import { exp, Expression as Definition } from "../math/expression.ts";
import { lossFunction } from "../math/lossFunction.ts";
import { type ElementLoss, softmaxCrossEntropy } from "../math/losses.ts";
import { Simplifier } from "../math/simplify.ts";
import { logSumExp } from "../math/softmax.ts";
import { meaningOf, type Meaning } from "./activationFormulas.ts";
import {
  call,
  constant,
  evaluate,
  exponential,
  quotient,
  sum,
  symbol,
  type Expression,
  type Leaf,
} from "./expression.ts";
import { type Formula, formulaOf } from "./formulaOf.ts";
import { indexed } from "./names.ts";

/** One output of the network against its target. */
export interface Output {
  readonly name: string;
  readonly activation: Leaf;
  readonly target: Leaf;
}

/** A quantity that the loss needs before it: the loss of one output, or log Σ e^a. */
interface Part extends Formula {
  readonly quantity: Leaf;
}

interface LossFormulas {
  readonly parts: readonly Part[];
  readonly loss: Formula;
  /** ∂L/∂a per output. */
  readonly dOutputs: readonly Formula[];
}

/** A sum over outputs, or their mean; of one output, the output's. */
function elementLossFormulas(of: ElementLoss, outputs: readonly Output[]): LossFormulas {
  const { loss, slope } = lossFunction(of);
  const count = constant(1 / lossScale(of, 1, outputs.length));
  const at = (definition: Definition, { activation, target }: Output): Formula =>
    formulaOf(
      definition,
      new Map([
        ["y", activation],
        ["t", target],
      ]),
    );
  const losses = outputs.map((output) => ({ output, found: at(loss, output) }));
  const parts = losses.map(({ output, found }) => ({
    ...found,
    quantity: indexed("ℓ", output.name, evaluate(found.formula), "\\ell"),
  }));
  const total = { formula: quotient(sum(...parts.map(({ quantity }) => quantity)), count) };
  const dOutputs = outputs.map((output) => {
    const { formula, ...branch } = at(slope, output);
    return { formula: quotient(formula, count), ...branch };
  });
  const isOne = outputs.length === 1;
  return { parts: isOne ? [] : parts, loss: isOne ? losses[0]!.found : total, dOutputs };
}

/** With s = ln Σ e^a; its slope by a logit is e^(a − s), the probability. */
function softmaxFormulas(outputs: readonly Output[]): LossFormulas {
  const logits = outputs.map((_, index) => Definition.input(`a${index}`));
  const targets = outputs.map((_, index) => Definition.input(`t${index}`));
  const s = Definition.input("s");
  const quantity = symbol("s", "s", logSumExp(Float64Array.from(outputs, ({ activation }) => activation.value)));
  const leaves = new Map<string, Expression>([
    ["s", quantity],
    ...outputs.flatMap(({ activation, target }, index): [string, Expression][] => [
      [`a${index}`, activation],
      [`t${index}`, target],
    ]),
  ]);
  const simplifier = new Simplifier();
  const loss = simplifier.simplify(softmaxCrossEntropy(logits, targets, s));
  const [bySum, ...byLogits] = backward(simplifier, loss, Definition.constant(1), [s, ...logits]);
  const dOutputs = logits.map((logit, index) => {
    const through = bySum!.times(exp(logit.minus(s)));
    return formulaOf(simplifier.simplify(through.plus(byLogits[index]!)), leaves);
  });
  const formula = call("log", sum(...outputs.map(({ activation }) => exponential(activation))));
  return { parts: [{ quantity, formula }], loss: formulaOf(loss, leaves), dOutputs };
}

/** What letters in the formulas of a loss, or of its slope, stand for. */
export const lossMeaning = (loss: Loss, part: "loss" | "slope"): Meaning | undefined =>
  loss === "softmaxCrossEntropy" ? undefined : meaningOf([lossFunction(loss)[part]]);

/** Formulas of a loss, for one row, from its definition. */
export const lossFormulas = (loss: Loss, outputs: readonly Output[]): LossFormulas =>
  loss === "softmaxCrossEntropy" ? softmaxFormulas(outputs) : elementLossFormulas(loss, outputs);
