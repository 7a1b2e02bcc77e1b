import { Expression } from "../math/expression.ts";
import { compileFloat64, type Float64Program } from "../math/float64.ts";
import { hyperInputs, optimizers, type UpdateInputs } from "../math/optimizers.ts";
import { Simplifier } from "../math/simplify.ts";
import type { Optimizer } from "../optimizer.ts";

export interface UpdateArguments {
  readonly optimizer: Optimizer;
  /** Steps done before this one. */
  readonly step: number;
  /** [parameterCount] of one replica. */
  readonly gradients: Float64Array;
  /** [parameterCount], updated. */
  readonly parameters: Float64Array;
  /** Two rows [parameterCount]: momentum, or first and second moment; updated. */
  readonly moments: readonly [Float64Array, Float64Array];
}

/** Inputs parameter, gradient, both states, then `hyperInputs`; outputs the parameter and the states that the optimizer keeps. */
function compile({ name, momentum, nesterov }: Optimizer): Float64Program {
  const ownNames = ["parameter", "gradient", "state0", "state1"];
  const names = [...ownNames, ...hyperInputs];
  const [parameter, gradient, ...states] = ownNames.map((input) => Expression.input(input));
  const hyper = Object.fromEntries(hyperInputs.map((input) => [input, Expression.input(input)]));
  const inputs = { parameter, gradient, states, ...hyper } as unknown as UpdateInputs;
  const update = optimizers[name](inputs, { usesMomentum: momentum > 0, nesterov });
  const simplifier = new Simplifier();
  const outputs = [update.parameter, ...update.states].map((output) => simplifier.simplify(output));
  return compileFloat64(outputs, names);
}

const compiled = new Map<string, Float64Program>();

/** The program of an optimizer, its hyper-parameters written for a step. */
function programOf(optimizer: Optimizer, step: number): Float64Program {
  const key = `${optimizer.name} ${optimizer.momentum > 0} ${optimizer.nesterov}`;
  const program = compiled.get(key) ?? compile(optimizer);
  compiled.set(key, program);
  const hyper: Record<(typeof hyperInputs)[number], number> = {
    ...optimizer,
    meanCorrection: 1 / (1 - optimizer.beta1 ** (step + 1)),
    inverseSqrtCorrection: 1 / Math.sqrt(1 - optimizer.beta2 ** (step + 1)),
  };
  for (const [index, name] of hyperInputs.entries()) program.inputs[4 + index] = hyper[name];
  return program;
}

/**
 * One step of the optimizer on one replica. Twin of `shaders/optimizer.wgsl`. A parameter that would not be finite is left as it was.
 * @returns whether every gradient, moment and updated parameter is finite
 */
export function update({ optimizer, step, gradients, parameters, moments }: UpdateArguments): boolean {
  const { inputs, outputs, run } = programOf(optimizer, step);
  let allFinite = true;
  for (let index = 0; index < parameters.length; index++) {
    inputs[0] = parameters[index]!;
    inputs[1] = gradients[index]!;
    inputs[2] = moments[0][index]!;
    inputs[3] = moments[1][index]!;
    run();
    const value = outputs[0]!;
    const isFinite = Number.isFinite(value);
    if (isFinite) parameters[index] = value;
    let others = Number.isFinite(gradients[index]);
    for (let state = 1; state < outputs.length; state++) {
      moments[state - 1]![index] = outputs[state]!;
      others = others && Number.isFinite(outputs[state]);
    }
    allFinite = allFinite && isFinite && others;
  }
  return allFinite;
}
