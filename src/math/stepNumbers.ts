import { averageRateInput } from "./aroundUpdate.ts";
import { averageRate } from "./average.ts";
import type { Expression } from "./expression.ts";
import { compileFloat64 } from "./float64.ts";
import { memberHyperParameters } from "./hyperParameters.ts";
import { hyperParameterOf, type Optimizer } from "./optimizer.ts";
import type { OptimizerUpdate } from "./optimizerUpdate.ts";
import { factorInput } from "./scheduled.ts";

/** Numbers of a step that expressions of an update take from the host. */
export interface StepNumbers {
  readonly names: readonly string[];
  /** In the order of `names`, at a step of the run, from 0; valid until the next call. */
  readonly at: (optimizer: Optimizer, step: number) => Float64Array;
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

/** @param numbers names of the optimizer's numeric hyper-parameters */
export function stepNumbersOf({ stepInputs, products }: OptimizerUpdate, numbers: readonly string[]): StepNumbers {
  const values = stepInputs.map((name): ((optimizer: Optimizer, step: number) => number) => {
    const factor = products.get(name);
    if (factor) return productOver(factor, numbers);
    const scheduled = memberHyperParameters.find((own) => factorInput(own) === name);
    if (scheduled) return ({ factors }, step) => factors![scheduled]!(step - 1);
    return name === averageRateInput
      ? ({ around }, step) => averageRate(around!.average!, step - 1)
      : (_, step) => step;
  });
  const all = new Float64Array(values.length);
  return {
    names: stepInputs,
    at(optimizer, step) {
      for (let place = 0; place < values.length; place++) all[place] = values[place]!(optimizer, step + 1);
      return all;
    },
  };
}
