// Optimizers in jax-js, as torch.optim defines them: after src/backend/cpu/update.ts.

import { type Array as JaxArray, numpy as np } from "@jax-js/jax";
import type { Optimizer } from "../../../src/math/optimizer.ts";
import { entryOf } from "../../race/contract.ts";

export interface UpdateArguments {
  readonly parameter: JaxArray;
  readonly gradient: JaxArray;
  readonly moments: readonly JaxArray[];
  /** Scalars of the step, see `stepScales`; a view of its own per call. */
  readonly scale: (index: number) => JaxArray;
}

/** Numbers that change with the step, and are handed over with it: computed on the device, they would cost a kernel. */
export const scaleCount = ({ name }: Optimizer): number => (name === "adam" || name === "adamW" ? 2 : 0);

/** Adam's bias corrections: size of the step, and factor of √square. */
export const stepScales = ({ learningRate, beta1, beta2 }: Optimizer, step: number): [number, number] => [
  learningRate / (1 - beta1 ** (step + 1)),
  1 / Math.sqrt(1 - beta2 ** (step + 1)),
];

const withDecay = (gradient: JaxArray, parameter: JaxArray, weightDecay: number): JaxArray =>
  weightDecay === 0 ? gradient : gradient.add(parameter.ref.mul(weightDecay));

function sgd({ learningRate, momentum, nesterov, weightDecay }: Optimizer, update: UpdateArguments): JaxArray[] {
  const { parameter } = update;
  const gradient = withDecay(update.gradient, parameter, weightDecay);
  if (momentum === 0) return [parameter.sub(gradient.mul(learningRate))];
  const velocity = update.moments[0]!.mul(momentum).add(nesterov ? gradient.ref : gradient);
  const direction = nesterov ? gradient.add(velocity.ref.mul(momentum)) : velocity.ref;
  return [parameter.sub(direction.mul(learningRate)), velocity];
}

function adam(optimizer: Optimizer, { parameter, gradient, moments, scale }: UpdateArguments): JaxArray[] {
  const { name, learningRate, beta1, beta2, epsilon, weightDecay } = optimizer;
  const isDecoupled = name === "adamW";
  const g = isDecoupled ? gradient : withDecay(gradient, parameter, weightDecay);
  const mean = moments[0]!.mul(beta1).add(g.ref.mul(1 - beta1));
  const square = moments[1]!.mul(beta2).add(np.square(g).mul(1 - beta2));
  const from = isDecoupled ? parameter.mul(1 - learningRate * weightDecay) : parameter;
  const divisor = np.sqrt(square.ref).mul(scale(1)).add(epsilon);
  return [from.sub(mean.ref.mul(scale(0)).div(divisor)), mean, square];
}

function rmsProp(optimizer: Optimizer, { parameter, gradient, moments }: UpdateArguments): JaxArray[] {
  const { learningRate, alpha, epsilon, momentum, weightDecay } = optimizer;
  const g = withDecay(gradient, parameter, weightDecay);
  const square = moments[0]!.mul(alpha).add(np.square(g.ref).mul(1 - alpha));
  const direction = g.div(np.sqrt(square.ref).add(epsilon));
  if (momentum === 0) return [parameter.sub(direction.mul(learningRate)), square];
  const velocity = moments[1]!.mul(momentum).add(direction);
  return [parameter.sub(velocity.ref.mul(learningRate)), square, velocity];
}

const updates: Readonly<Record<string, typeof sgd>> = { sgd, adam, adamW: adam, rmsProp };

/** @returns the parameter after the step, and its moments */
export const update = (optimizer: Optimizer, update: UpdateArguments): JaxArray[] =>
  entryOf("jax-js", updates, optimizer.name)(optimizer, update);
