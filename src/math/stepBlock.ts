import type { Expression } from "./expression.ts";
import { compileFloat64, type Float64Program } from "./float64.ts";
import { hyperParameterOf, type Optimizer } from "./optimizer.ts";
import type { OptimizerUpdate } from "./optimizerUpdate.ts";
import { type StepNumbers, stepNumbersOf } from "./stepNumbers.ts";

/** Steps whose values are computed at once: one at a time, calls between them take longer than the values. */
const blockSteps = 64;

/** What the host computes in float64 for each step of a run, some steps in a row at once. */
export class StepBlock {
  readonly #names: readonly string[];
  readonly #program: Float64Program;
  readonly #numbers: StepNumbers;
  /** The optimizer whose hyper-parameters the program has: a run asks for the same one step after step. */
  #latest: Optimizer | undefined;
  /** A list for each number, of the steps of the block; and of the last ones, where no step may be asked for before it is taken. */
  readonly #lists: readonly Float64Array[];
  readonly #firsts: readonly Float64Array[];
  /** [steps, outputs]. */
  readonly #values: Float64Array;
  /** Steps that the block has: from the first on, so many. */
  #first = 0;
  #count = 0;

  /** @param ofStep what is computed @param names the optimizer's numeric hyper-parameters */
  constructor(update: OptimizerUpdate, ofStep: readonly Expression[], names: readonly string[]) {
    this.#names = names;
    this.#numbers = stepNumbersOf(update, names);
    this.#program = compileFloat64(ofStep, [...names, ...this.#numbers.names]);
    this.#lists = this.#numbers.names.map(() => new Float64Array(blockSteps));
    this.#firsts = this.#lists.map((list) => list.subarray(0, 1));
    this.#values = new Float64Array(blockSteps * ofStep.length);
  }

  /** The values of a step, from 0; valid until the next call. */
  at(optimizer: Optimizer, step: number): Float64Array {
    const { outputs } = this.#program;
    if (outputs.length === 0) return outputs;
    if (this.#latest !== optimizer) this.#begin(optimizer);
    let place = step - this.#first;
    if (!(place >= 0 && place < this.#count)) {
      this.#compute(optimizer, step);
      place = step - this.#first;
    }
    const from = place * outputs.length;
    for (let at = 0; at < outputs.length; at++) outputs[at] = this.#values[from + at]!;
    return outputs;
  }

  #begin(optimizer: Optimizer): void {
    const { inputs } = this.#program;
    for (let at = 0; at < this.#names.length; at++)
      inputs[at] = hyperParameterOf(optimizer, this.#names[at]!) as number;
    this.#latest = optimizer;
    this.#count = 0;
  }

  #compute(optimizer: Optimizer, step: number): void {
    const { inputs, outputs, run } = this.#program;
    const lists = this.#numbers.looksAhead(optimizer) ? this.#lists : this.#firsts;
    this.#numbers.fill(optimizer, step, lists);
    this.#first = step;
    this.#count = lists[0]?.length ?? 1;
    for (let at = 0; at < this.#count; at++) {
      for (let place = 0; place < lists.length; place++) inputs[this.#names.length + place] = lists[place]![at]!;
      run();
      for (let place = 0; place < outputs.length; place++) this.#values[at * outputs.length + place] = outputs[place]!;
    }
  }
}
