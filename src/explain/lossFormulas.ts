import { softmax } from "../math/softmax.ts";
import { lossFunction } from "../math/lossFunction.ts";
import type { OwnLoss } from "../math/losses.ts";
import type { Loss, LossName } from "../graph/network.ts";
import { meaningOf, sigmaMeaning, type Meaning } from "./activationFormulas.ts";
import {
  call,
  constant,
  difference,
  evaluate,
  exponential,
  half,
  negative,
  product,
  quotient,
  squared,
  sum,
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

/** A quantity that the loss needs before it: a probability, or the loss of one output. */
interface Part extends Formula {
  readonly quantity: Leaf;
}

interface LossFormulas {
  readonly parts: readonly Part[];
  readonly loss: Formula;
  /** ∂L/∂a per output. */
  readonly dOutputs: readonly Formula[];
  readonly meaning?: Meaning;
}

const one = constant(1);
const errorOf = ({ activation, target }: Output): Expression => difference(activation, target);
const countOf = (outputs: readonly Output[]): Leaf => constant(outputs.length);
/** A mean over outputs; of one output, the output's. */
const mean = (outputs: readonly Output[], terms: readonly Expression[]): Expression =>
  quotient(sum(...terms), countOf(outputs));

function squaredError(outputs: readonly Output[]): LossFormulas {
  const squares = outputs.map((output) => squared(errorOf(output)));
  const dOutputs = outputs.map((output) => ({ formula: errorOf(output) }));
  return { parts: [], loss: { formula: product(half, sum(...squares)) }, dOutputs };
}

function meanSquaredError(outputs: readonly Output[]): LossFormulas {
  const squares = outputs.map((output) => squared(errorOf(output)));
  const dOutputs = outputs.map((output) => ({
    formula: quotient(product(constant(2), errorOf(output)), countOf(outputs)),
  }));
  return { parts: [], loss: { formula: mean(outputs, squares) }, dOutputs };
}

function meanAbsoluteError(outputs: readonly Output[]): LossFormulas {
  const sizes = outputs.map((output) => call("absolute", errorOf(output)));
  const dOutputs = outputs.map((output) => ({ formula: quotient(call("sign", errorOf(output)), countOf(outputs)) }));
  return { parts: [], loss: { formula: mean(outputs, sizes) }, dOutputs };
}

/** Huber's loss with its corner at 1, as `torch.nn.HuberLoss`. */
function huberPart(output: Output): Part {
  const size = call("absolute", errorOf(output));
  const inside = evaluate(size) <= 1;
  const formula = inside ? product(half, squared(errorOf(output))) : difference(size, half);
  const quantity = indexed("ℓ", output.name, evaluate(formula), "\\ell");
  return { quantity, formula, condition: { left: size, relation: inside ? "≤" : ">", right: one } };
}

function huberDerivative(outputs: readonly Output[], output: Output): Formula {
  const size = call("absolute", errorOf(output));
  const inside = evaluate(size) <= 1;
  const formula = quotient(inside ? errorOf(output) : call("sign", errorOf(output)), countOf(outputs));
  return { formula, condition: { left: size, relation: inside ? "≤" : ">", right: one } };
}

function huber(outputs: readonly Output[]): LossFormulas {
  const parts = outputs.map(huberPart);
  const loss = {
    formula: mean(
      outputs,
      parts.map(({ quantity }) => quantity),
    ),
  };
  return { parts, loss, dOutputs: outputs.map((output) => huberDerivative(outputs, output)) };
}

/** −[t·ln p + (1 − t)·ln(1 − p)] with p = σ(a), a the logit. */
function binaryCrossEntropy(outputs: readonly Output[]): LossFormulas {
  const parts = outputs.map(({ name, activation }) => {
    const formula = call("sigmoid", activation);
    return { quantity: indexed("p", name, evaluate(formula)), formula };
  });
  const terms = outputs.map(({ target }, index) => {
    const { quantity: p } = parts[index]!;
    const hit = product(target, call("log", p));
    return negative(sum(hit, product(difference(one, target), call("log", difference(one, p)))));
  });
  const dOutputs = outputs.map(({ target }, index) => ({
    formula: quotient(difference(parts[index]!.quantity, target), countOf(outputs)),
  }));
  return { parts, loss: { formula: mean(outputs, terms) }, dOutputs, meaning: sigmaMeaning };
}

/** −Σ t·ln p with p the softmax of the logits a; ∂L/∂a = p·Σt − t, where Σt is 1 for probabilities. */
function softmaxCrossEntropy(outputs: readonly Output[]): LossFormulas {
  const probabilities = softmax(Float64Array.from(outputs, ({ activation }) => activation.value));
  const exponentials = outputs.map(({ activation }) => exponential(activation));
  const parts = outputs.map(({ name }, index) => ({
    quantity: indexed("p", name, probabilities[index]!),
    formula: quotient(exponentials[index]!, sum(...exponentials)),
  }));
  const terms = outputs.map(({ target }, index) => product(target, call("log", parts[index]!.quantity)));
  const targets = sum(...outputs.map(({ target }) => target));
  const dOutputs = outputs.map(({ target }, index) => {
    const { quantity: p } = parts[index]!;
    return { formula: difference(evaluate(targets) === 1 ? p : product(p, targets), target) };
  });
  return { parts, loss: { formula: negative(sum(...terms)) }, dOutputs };
}

/** A loss of a user's: a mean over outputs, from its definition. */
function ownLoss(own: OwnLoss, outputs: readonly Output[]): LossFormulas {
  const { loss, slope } = lossFunction(own);
  const leavesOf = ({ activation, target }: Output): Map<string, Expression> =>
    new Map([
      ["y", activation],
      ["t", target],
    ]);
  const parts = outputs.map((output) => {
    const found = formulaOf(loss, leavesOf(output));
    return { ...found, quantity: indexed("ℓ", output.name, evaluate(found.formula), "\\ell") };
  });
  const dOutputs = outputs.map((output) => {
    const { formula, ...branch } = formulaOf(slope, leavesOf(output));
    return { formula: quotient(formula, countOf(outputs)), ...branch };
  });
  const meaning = meaningOf([loss, slope]);
  const terms = parts.map(({ quantity }) => quantity);
  return { parts, loss: { formula: mean(outputs, terms) }, dOutputs, ...(meaning && { meaning }) };
}

const builtIn: Record<LossName, (outputs: readonly Output[]) => LossFormulas> = {
  squaredError,
  meanSquaredError,
  meanAbsoluteError,
  huber,
  binaryCrossEntropy,
  softmaxCrossEntropy,
};

/** Formulas of a loss, for one row. */
export const lossFormulas = (loss: Loss, outputs: readonly Output[]): LossFormulas =>
  typeof loss === "string" ? builtIn[loss](outputs) : ownLoss(loss, outputs);
