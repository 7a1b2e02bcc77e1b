import { averageRateInput } from "./aroundUpdate.ts";
import { averageRate } from "./average.ts";
import type { Expression } from "./expression.ts";
import { compileFloat64 } from "./float64.ts";
import { memberHyperParameters } from "./hyperParameters.ts";
import { hyperParameterOf, type Optimizer } from "./optimizer.ts";
import type { OptimizerUpdate } from "./optimizerUpdate.ts";
import { factorInput, type ScheduledName } from "./scheduled.ts";

/** Numbers of a step that expressions of an update take from the host. */
export interface StepNumbers {
  readonly names: readonly string[];
  /** Whether those of steps that may never be taken can be asked for. */
  readonly looksAhead: (optimizer: Optimizer) => boolean;
  /** Writes those of steps in a row, from 0, in the order of `names`: a list for each. */
  readonly fill: (optimizer: Optimizer, firstStep: number, to: readonly Float64Array[]) => void;
}

/** Where factors have come to their limit: no training has so many steps. */
const farStep = 2 ** 48;

/**
 * The product of a factor over steps 1 … t. As soon as the factor is what it is at the last step that any training has, the rest is a
 * power of it: the value is a function of the step alone, however the steps before were requested.
 * @param numbers names of the hyper-parameters that the factor may take
 */
function productOver(factor: Expression, numbers: readonly string[]): (optimizer: Optimizer, step: number) => number {
  const { inputs, outputs, run } = compileFloat64([factor], [...numbers, "step"]);
  const factorAt = (step: number): number => {
    inputs[numbers.length] = step;
    run();
    return outputs[0]!;
  };
  let [latest, limit, done, value] = [undefined as Optimizer | undefined, 0, 0, 1];
  return (optimizer, step) => {
    if (latest !== optimizer) {
      numbers.forEach((name, at) => (inputs[at] = hyperParameterOf(optimizer, name) as number));
      [latest, limit, done, value] = [optimizer, factorAt(farStep), 0, 1];
    }
    if (step < done) [done, value] = [0, 1];
    while (done < step && value !== 0) {
      const next = factorAt(done + 1);
      if (next === limit) return value * limit ** (step - done);
      value *= next;
      done++;
    }
    return value;
  };
}

/** Writes the numbers of steps in a row. */
type Fill = (optimizer: Optimizer, firstStep: number, to: Float64Array) => void;

/** @param valueAt of a step, from 1 */
const filledBy =
  (valueAt: (optimizer: Optimizer, step: number) => number): Fill =>
  (optimizer, firstStep, to) => {
    for (let at = 0; at < to.length; at++) to[at] = valueAt(optimizer, firstStep + at + 1);
  };

function fillFactors(name: ScheduledName): Fill {
  return ({ factors }, firstStep, to) => {
    const factor = factors![name]!;
    if (factor.fill) factor.fill(firstStep, to);
    else for (let at = 0; at < to.length; at++) to[at] = factor(firstStep + at);
  };
}

/** @param numbers names of the optimizer's numeric hyper-parameters */
export function stepNumbersOf({ stepInputs, products }: OptimizerUpdate, numbers: readonly string[]): StepNumbers {
  const fills = stepInputs.map((name): Fill => {
    const factor = products.get(name);
    if (factor) return filledBy(productOver(factor, numbers));
    const scheduled = memberHyperParameters.find((own) => factorInput(own) === name);
    if (scheduled) return fillFactors(scheduled);
    if (name === averageRateInput) return filledBy(({ around }, step) => averageRate(around!.average!, step - 1));
    return filledBy((_, step) => step);
  });
  return {
    names: stepInputs,
    looksAhead: ({ factors = {} }) => Object.values(factors).every((factor) => factor.fill !== undefined),
    fill(optimizer, firstStep, to) {
      for (let place = 0; place < fills.length; place++) fills[place]!(optimizer, firstStep, to[place]!);
    },
  };
}
